package pgsplittest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errDiverged means that a replica cannot go on from where it is.
var errDiverged = errors.New("the replica has what the other server never had, or needs what that one no longer has")

// divergence is what a replica's log says then, over and over.
var divergence = []string{
	"forked off current database system timeline",
	"is not in this server's history",
	"is ahead of the WAL flush position",
	"has already been removed",
}

// waitForStreaming waits until the replica receives from the given server, on
// the timeline of the primary behind it. Streaming alone proves nothing: a
// replica that has diverged does so for a moment, again and again, on the
// timeline that it has to leave.
func (s *Server) waitForStreaming(ctx context.Context, from *Server) error {
	timeline, err := from.primary().timeline(ctx)
	if err != nil {
		return err
	}
	receiver, sender := asker{server: s}, asker{server: from}
	defer receiver.close()
	defer sender.close()
	before := len(s.Log())
	return await(ctx, s.Name+" to stream from "+from.Name, func() (bool, error) {
		log := s.Log()
		if !s.Running() {
			return false, hopeless{fmt.Errorf("the server has ended; its log ends with:\n%s", lastLines(log, 5))}
		}
		for _, line := range divergence {
			if strings.Contains(log[before:], line) {
				return false, hopeless{errDiverged}
			}
		}
		receives, err := receiver.ask(ctx, fmt.Sprintf("SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming' AND sender_port = %d AND received_tli = %d)",
			from.serverPort, timeline))
		if !receives {
			return false, err
		}
		return sender.ask(ctx, "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE state = 'streaming' AND application_name = "+quote(s.Name)+")")
	})
}

// timeline is that of a primary.
func (s *Server) timeline(ctx context.Context) (int64, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer closeConn(conn)
	// The control file's own has the timeline only after the next checkpoint.
	file, err := queryText(ctx, conn, "SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(file[:8], 16, 64)
}

// primary is the server at the upper end of the replication from here.
func (s *Server) primary() *Server {
	for from := s.replicatesFrom(); from != nil; from = s.replicatesFrom() {
		s = from
	}
	return s
}

func (s *Server) replicatesFrom() *Server {
	s.state.Lock()
	defer s.state.Unlock()
	return s.upstream
}

func (s *Server) setUpstream(from *Server) {
	s.state.Lock()
	defer s.state.Unlock()
	s.upstream = from
}
