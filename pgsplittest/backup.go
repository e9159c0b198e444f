package pgsplittest

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// alterSystemFile holds what ALTER SYSTEM has set.
const alterSystemFile = "postgresql.auto.conf"

// backUp copies the running server's data folder to another server's, with
// PostgreSQL's low-level backup functions: an installation need not have
// pg_basebackup. The WAL is left to streaming: release, which is to be called
// when the copy streams, lets go of what the server keeps of it.
func (s *Server) backUp(ctx context.Context, to *Server) (release func(), err error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	// The slot is a temporary one, it ends with the connection.
	slot := "SELECT pg_create_physical_replication_slot(" + quote("pgsplittest_"+to.Name) + ", true, true)"
	if err = execSQL(ctx, conn, slot); err == nil {
		err = s.copyDataFolder(ctx, conn, to)
	}
	if err != nil {
		closeConn(conn)
		return nil, err
	}
	return func() { closeConn(conn) }, nil
}

func (s *Server) copyDataFolder(ctx context.Context, conn *pgx.Conn, to *Server) error {
	start, stop := "pg_backup_start('pgsplittest', true)", "pg_backup_stop(false)"
	if s.cluster.programs.Major < 15 {
		start, stop = "pg_start_backup('pgsplittest', true, false)", "pg_stop_backup(false, false)"
	}
	if err := execSQL(ctx, conn, "SELECT "+start); err != nil {
		return err
	}
	if err := copyTree(s.data(), to.data(), s.cluster.account, notInBackup); err != nil {
		return err
	}
	// The control file says how far recovery has to go at least: copied last, it
	// covers all that was copied before.
	control := filepath.Join("global", "pg_control")
	if err := copyFile(filepath.Join(s.data(), control), filepath.Join(to.data(), control)); err != nil {
		return err
	}
	if err := s.cluster.account.own(filepath.Join(to.data(), control)); err != nil {
		return err
	}
	label, err := queryText(ctx, conn, "SELECT labelfile FROM "+stop)
	if err != nil {
		return err
	}
	return to.writeFile("backup_label", label)
}

// notInBackup is true for what a base backup leaves out: what belongs to the
// running server alone, and WAL, of which only the folders have to be there.
func notInBackup(rel string) bool {
	switch rel {
	case "postmaster.pid", "postmaster.opts", "standby.signal", "postgresql.conf", alterSystemFile,
		"backup_label", "tablespace_map", filepath.Join("global", "pg_control"):
		return true
	}
	dir, base := filepath.Dir(rel), filepath.Base(rel)
	switch dir {
	case "pg_wal":
		return base != "archive_status" && base != "summaries"
	case filepath.Join("pg_wal", "archive_status"), filepath.Join("pg_wal", "summaries"),
		"pg_replslot", "pg_dynshmem", "pg_stat_tmp", "pg_notify", "pg_serial", "pg_snapshots", "pg_subtrans":
		return true
	}
	return base == "pg_internal.init" || strings.HasPrefix(base, "pgsql_tmp")
}
