package pgsplittest

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Promote makes a replica a primary, on a timeline of its own, and returns when
// it takes writes. It tells nobody else: the old primary goes on if it runs, and
// replicas follow whom they followed. See [Cluster.Promote] for the whole.
func (s *Server) Promote() error {
	s.knob.Lock()
	defer s.knob.Unlock()
	err := s.withConn(func(ctx context.Context, conn *pgx.Conn) error {
		if err := execSQL(ctx, conn, "SELECT pg_promote(false)"); err != nil {
			return err
		}
		return await(ctx, "the end of recovery", func() (bool, error) {
			recovering, err := queryText(ctx, conn, "SELECT pg_is_in_recovery()")
			return recovering == "f", err
		})
	})
	if err != nil {
		return s.errorf("promote: %w", err)
	}
	s.setUpstream(nil)
	return nil
}
