package pgsplit

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// maxWeight keeps products of weights and numbers of connections far from any limit.
const maxWeight = 1_000_000

// weightsSetting takes "server*weight" pairs separated by commas.
func weightsSetting() setting {
	return setting{
		key:   "weights",
		field: "Weights",
		set: func(c *Config, value string) error {
			weights, err := parseWeights(value)
			if err == nil {
				c.Weights = weights
			}
			return err
		},
		get: func(c *Config) string {
			var pairs []string
			for _, name := range slices.Sorted(maps.Keys(c.Weights)) {
				pairs = append(pairs, fmt.Sprintf("%s*%d", name, c.Weights[name]))
			}
			return cmp.Or(strings.Join(pairs, ","), "-")
		},
		check: (*Config).checkWeights,
	}
}

func parseWeights(value string) (map[string]int, error) {
	weights := make(map[string]int)
	for _, pair := range strings.Split(value, ",") {
		if pair = strings.TrimSpace(pair); pair == "" || pair == "-" {
			continue
		}
		i := strings.LastIndexByte(pair, '*')
		if i < 1 {
			return nil, errors.New(`write the weight of each server, such as "pg2*3,pg3:5433*1"`)
		}
		name := strings.TrimSpace(pair[:i])
		n, err := strconv.Atoi(strings.TrimSpace(pair[i+1:]))
		if err != nil || n < 0 || n > maxWeight {
			return nil, fmt.Errorf("a weight is a whole number from 0 to %d", maxWeight)
		}
		if _, twice := weights[name]; twice {
			return nil, errors.New("a server stands in it twice")
		}
		weights[name] = n
	}
	if len(weights) == 0 {
		return nil, nil
	}
	return weights, nil
}

func (c *Config) checkWeights() error {
	servers := c.serverNames()
	for _, name := range slices.Sorted(maps.Keys(c.Weights)) {
		if n := c.Weights[name]; n < 0 || n > maxWeight {
			return fmt.Errorf("%d of %s: a weight is a whole number from 0 to %d", n, name, maxWeight)
		}
		if !slices.ContainsFunc(servers, func(s [2]string) bool { return name == s[0] || name == s[1] }) {
			known := make([]string, len(servers))
			for i, s := range servers {
				known[i] = s[0]
			}
			return fmt.Errorf("of %q: there is no such server; the servers are %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// serverNames are the two names by which a weight may be given to each server: its own, and its host's.
func (c *Config) serverNames() (names [][2]string) {
	if c.Primary != nil {
		names = append(names, [2]string{primaryName})
		for i := range c.Replicas {
			names = append(names, [2]string{replicaName(i)})
		}
		return names
	}
	for _, server := range c.Servers {
		if server != nil {
			names = append(names, [2]string{serverName(server), server.Host})
		}
	}
	return names
}

// weightOf is the weight of a server: that of its name, else that of its host, else 1.
func (c *Config) weightOf(name, host string) float64 {
	for _, key := range []string{name, host} {
		if n, found := c.Weights[key]; found && key != "" {
			return float64(n)
		}
	}
	return 1
}
