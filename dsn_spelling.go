package pgsplit

import "strings"

// misspelt gives the key that is meant by one which is not right but nearly so, or which claims to be pgsplit's; "" for every
// other. What is left are settings of pgx and of the server.
func misspelt(key string) string {
	if isOwnKey(key) || isIgnoredKey(key) || key == "role" { // a setting of the server, and one letter from ours
		return ""
	}
	bare, claimed := strings.ToLower(key), false
	for _, prefix := range []string{"pgsplit_", "pgsplit.", "pgsplit-"} {
		if after, found := strings.CutPrefix(bare, prefix); found {
			bare, claimed = after, true
		}
	}
	if !claimed && strings.Contains(key, ".") { // an extension's or the application's own
		return ""
	}
	meant := nearestKey(bare)
	if meant == "" && claimed {
		return "one of " + strings.Join(ownKeys(), ", ")
	}
	return meant
}

func ownKeys() []string {
	keys := []string{replicasKey}
	for _, s := range settings {
		keys = append(keys, s.key)
	}
	return keys
}

// nearestKey gives the key that differs in letter case and separators only, or else by one or two slips.
func nearestKey(text string) string {
	normal := strings.NewReplacer("-", "", "_", "", ".", "", " ", "").Replace(strings.ToLower(text))
	best, least := "", 3
	for _, key := range append(ownKeys(), ignoredKeys...) {
		d := distance(normal, strings.ReplaceAll(key, "_", ""))
		if len(key) <= 5 && d > 1 {
			continue
		}
		if d < least {
			best, least = key, d
		}
	}
	return best
}

// distance is how many letters have to be changed, added, taken away or swapped with their neighbour to make a into b.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1) // rows[i][j]: for a[:i] and b[:j]
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			if i == 0 || j == 0 {
				rows[i][j] = i + j
				continue
			}
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j-1]+change, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
