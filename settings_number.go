package pgsplit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// countSetting takes whole numbers; zero has a meaning of its own.
func countSetting(key, field, zeroMeans string, at func(*Config) *int) setting {
	return numberSetting(key, field, `it is no whole number, such as "20"`, "", func(n int) error {
		if n < 0 {
			return fmt.Errorf("it must not be negative; 0 is %s", zeroMeans)
		}
		return nil
	}, at)
}

// percentSetting takes whole percentages, with or without the sign, which URLs would have to escape; zero has a meaning of its own.
func percentSetting(key, field, zeroMeans string, at func(*Config) *int) setting {
	return numberSetting(key, field, `it is no whole percentage, such as 80`, "%", func(n int) error {
		if n < 0 || n > 100 {
			return fmt.Errorf("it must be from 0 to 100; 0 is %s", zeroMeans)
		}
		return nil
	}, at)
}

// numberSetting takes whole numbers that pass a check, written with a sign behind them or without; noNumber is said of others.
func numberSetting(key, field, noNumber, sign string, check func(int) error, at func(*Config) *int) setting {
	return setting{
		key:   key,
		field: field,
		set: func(c *Config, value string) error {
			n, err := strconv.Atoi(strings.TrimSuffix(value, sign))
			if err != nil {
				return errors.New(noNumber)
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
