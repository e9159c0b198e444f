package pgsplit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// mistakes are reported together, in one line.
type mistakes []error

func (m *mistakes) add(err error) { *m = append(*m, err) }

func (m *mistakes) err() error {
	switch len(*m) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("pgsplit: %w", (*m)[0])
	}
	texts := make([]string, len(*m))
	for i, err := range *m {
		texts[i] = fmt.Sprintf("(%d) %v", i+1, err)
	}
	return &textError{fmt.Sprintf("pgsplit: %d mistakes: %s", len(*m), strings.Join(texts, "; ")), errors.Join(*m...)}
}

// textError is an error with a text of its own.
type textError struct {
	text  string
	cause error
}

func (e *textError) Error() string { return e.text }
func (e *textError) Unwrap() error { return e.cause }

func prefixed(prefix string, err error) error { return &textError{prefix + err.Error(), err} }

// pgxReason is pgx's error about a DSN without the DSN, which it would quote and hand out.
func pgxReason(err error) error {
	var parseError *pgconn.ParseConfigError
	if !errors.As(err, &parseError) {
		return errors.New("pgx refuses the settings")
	}
	quote := pgconn.NewParseConfigError(parseError.ConnString, "", nil).Error()
	text, found := strings.CutPrefix(parseError.Error(), quote)
	if !found {
		text = "pgx refuses the settings"
	}
	return &textError{text, parseError.Unwrap()}
}

func (p *dsnParser) keepSecret(secrets ...string) {
	for _, secret := range secrets {
		if secret != "" {
			p.secrets = append(p.secrets, secret)
		}
	}
}

// keepSecretsOfReplicas runs before anything is quoted.
func (p *dsnParser) keepSecretsOfReplicas() {
	value, _, _ := p.lookup(replicasKey, envPrefix+"REPLICAS")
	items, _ := splitReplicas(value)
	for _, item := range items {
		text, err := item.parse()
		p.keepSecret(text.values["password"], text.values["sslpassword"])
		p.doubtful = p.doubtful || text.doubtful || err != nil && strings.Contains(item.text, "@")
	}
}

// quote gives a value in quotes, with a space before it; nothing if it is, or may be, a part of a password.
func (p *dsnParser) quote(value string) string {
	if p.doubtful || strings.Contains(value, "@") {
		return ""
	}
	for _, secret := range p.secrets {
		if strings.Contains(value, secret) || strings.Contains(secret, value) && value != "" {
			return ""
		}
	}
	return fmt.Sprintf(" %q", value)
}

// hide gives the error, or one without its text and cause if that may tell a part of a password.
func (p *dsnParser) hide(err error) error {
	text := err.Error()
	hide := p.doubtful || strings.Contains(text, "@")
	for _, secret := range p.secrets {
		hide = hide || len(secret) > 2 && strings.Contains(text, secret)
	}
	if !hide {
		return err
	}
	return errors.New("a setting is wrong; which is not told, since that might tell a part of a password " +
		"(in a URL, write %2F and %40 for a / and an @ in a password)")
}
