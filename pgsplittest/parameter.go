package pgsplittest

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// SetParameter sets one postgresql.conf parameter and reloads the server; it
// returns when new connections see the value. What only a restart changes is
// left pending until the next start, and so is everything on a server that is
// not running.
func (s *Server) SetParameter(name, value string) (pending bool, err error) {
	s.knob.Lock()
	defer s.knob.Unlock()
	old, had := s.conf[name]
	s.conf[name] = value
	if s.process() == nil {
		return true, nil
	}
	ctx, cancel := s.timeout()
	defer cancel()
	pending, err = s.reload(ctx, name)
	if err != nil {
		if s.conf[name] = old; !had {
			delete(s.conf, name)
		}
		return false, s.errorf("set %s: %w", name, errors.Join(err, s.conf.write(s)))
	}
	return pending, nil
}

// generationParameter is one of ours that changes with each writing of the
// file: who sees its value has read the whole file.
const generationParameter = "pgsplittest.generation"

// notApplied is what pg_file_settings says both of a value that needs a restart
// and of one that makes no sense.
const notApplied = "setting could not be applied"

// reload writes the configuration, of which the named parameter has changed,
// and waits until a new connection sees it. Such a connection is forked by the
// main process, which signals all others at the moment it reads the file.
func (s *Server) reload(ctx context.Context, changed string) (pending bool, err error) {
	before := len(s.Log())
	if err := s.conf.write(s); err != nil {
		return false, err
	}
	conn, err := s.connect(ctx)
	if err != nil {
		return false, err
	}
	defer closeConn(conn)
	problem, err := queryText(ctx, conn, "SELECT error FROM pg_file_settings WHERE error IS NOT NULL AND lower(name) = lower("+quote(changed)+")")
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, err
	}
	if problem != "" && problem != notApplied {
		return false, errors.New(problem)
	}
	if err := execSQL(ctx, conn, "SELECT pg_reload_conf()"); err != nil {
		return false, err
	}
	generation := strconv.Itoa(s.generation)
	if err := await(ctx, "the new configuration", func() (bool, error) {
		return s.ask(ctx, "SELECT current_setting('"+generationParameter+"', true) = '"+generation+"'")
	}); err != nil || problem == "" {
		return false, err
	}
	pending, err = s.ask(ctx, "SELECT pending_restart FROM pg_settings WHERE lower(name) = lower("+quote(changed)+")")
	if err == nil && !pending {
		err = fmt.Errorf("%s: %s", problem, linesWith(s.Log()[before:], `parameter "`+changed+`"`))
	}
	return pending, err
}
