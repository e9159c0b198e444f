package pgsplit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// percentSetting takes whole percentages, with or without the sign, which URLs would have to escape; zero has a meaning of its own.
func percentSetting(key, field, zeroMeans string, at func(*Config) *int) setting {
	check := func(n int) error {
		if n < 0 || n > 100 {
			return fmt.Errorf("it must be from 0 to 100; 0 is %s", zeroMeans)
		}
		return nil
	}
	return setting{
		key:   key,
		field: field,
		set: func(c *Config, value string) error {
			n, err := strconv.Atoi(strings.TrimSuffix(value, "%"))
			if err != nil {
				return errors.New(`it is no whole percentage, such as 80`)
			}
			if err := check(n); err != nil {
				return err
			}
			*at(c) = n
			return nil
		},
		get: func(c *Config) string { return strconv.Itoa(*at(c)) },
		check: func(c *Config) error {
			if err := check(*at(c)); err != nil {
				return fmt.Errorf("%d: %v", *at(c), err)
			}
			return nil
		},
	}
}
