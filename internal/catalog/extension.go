package catalog

import (
	"strings"

	"github.com/pgsplit/pgsplit/internal/statement"
)

// Functions in C are known by what they say of themselves. These lists, checked by hand, are of extensions that come with
// PostgreSQL, or nearly, and say less, or more, than they do.
var (
	// Volatile since each call gives something else, or since nobody has said otherwise; a standby's answer is as good.
	extensionReads = listed(map[string]string{
		"uuid-ossp": "uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4",
		"pgcrypto": `gen_random_bytes gen_random_uuid gen_salt pgp_sym_encrypt pgp_sym_encrypt_bytea pgp_pub_encrypt
			pgp_pub_encrypt_bytea`,
		"tablefunc": "normal_rand",
	})

	// What they leave is only there in the session that called them.
	extensionSettings = listed(map[string]string{
		"pg_trgm": "set_limit",
		"dblink": `dblink_connect dblink_connect_u dblink_disconnect dblink_open dblink_close dblink_exec dblink_send_query
			dblink_get_result dblink_fetch`,
	})

	// They run the text they are given, or one that they make up.
	extensionTexts = listed(map[string]string{
		"tablefunc": "crosstab crosstabn crosstab2 crosstab3 crosstab4 connectby",
		"xml2":      "xpath_table",
	})

	// Their functions in C work on their arguments alone.
	extensionsWithoutRelations = set(`btree_gin btree_gist citext cube dict_int dict_xsyn earthdistance fuzzystrmatch hstore
		intarray isn ltree pg_trgm pgcrypto seg tsm_system_rows tsm_system_time unaccent uuid-ossp vector`)
)

// extensionMarks is what a function in C does, by the volatility that it declares.
func extensionMarks(extension, name, volatility string) (m marks, why string) {
	key := extension + " " + name
	if extension == "" {
		key = ""
	}
	switch {
	case extensionReads[key]:
		return 0, ""
	case extensionTexts[key]:
		return unreadable, "runs a text"
	}
	if volatility != "i" && !extensionsWithoutRelations[extension] {
		m |= readsAny
	}
	if volatility == "v" {
		m |= volatile
		why = "is volatile"
		if !extensionsWithoutRelations[extension] {
			m |= writesAny
		}
	}
	if extensionSettings[key] {
		m |= pinMarks(statement.PinSetting)
	}
	return m, why
}

func listed(names map[string]string) map[string]bool {
	m := map[string]bool{}
	for extension, list := range names {
		for _, name := range strings.Fields(list) {
			m[extension+" "+name] = true
		}
	}
	return m
}

func set(list string) map[string]bool {
	m := map[string]bool{}
	for _, name := range strings.Fields(list) {
		m[name] = true
	}
	return m
}
