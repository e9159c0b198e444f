package pgsplittest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// defaultParameters make servers that start fast, and replicas that notice a
// change fast.
var defaultParameters = map[string]string{
	"max_connections": "200",
	"shared_buffers":  "64MB",

	// Nothing here has to survive a power cut. A killed server loses nothing by
	// it: what it has written is with the operating system.
	"fsync": "off",

	"wal_level":                    "replica",
	"hot_standby":                  "on",
	"max_wal_senders":              "20",
	"max_wal_size":                 "256MB",
	"wal_keep_size":                "1GB", // a replica that was away finds what it missed
	"wal_retrieve_retry_interval":  "100ms",
	"wal_receiver_status_interval": "1s",
	"wal_sender_timeout":           "10s", // a primary's shutdown waits so long for a frozen replica

	// Shared memory as files of the data folder goes with it when servers are
	// killed.
	"dynamic_shared_memory_type": "mmap",

	"logging_collector": "off",
	"log_destination":   "stderr",
	"log_line_prefix":   "%m [%p] %q%u@%d ",
}

// settings is one server's postgresql.conf.
type settings map[string]string

// newSettings lays the layers over each other, the user's last.
func newSettings(s *Server) settings {
	conf := settings{}
	maps.Copy(conf, defaultParameters)
	maps.Copy(conf, s.cluster.opts.Parameters)
	maps.Copy(conf, s.cluster.opts.ServerParameters(s.Name))
	return conf
}

// write writes postgresql.conf anew. What ALTER SYSTEM has set is in another
// file, which the server reads later.
func (conf settings) write(s *Server) error {
	s.generation++
	all := maps.Clone(conf)
	all[generationParameter] = strconv.Itoa(s.generation)
	all["listen_addresses"] = loopback
	all["port"] = strconv.Itoa(s.serverPort)
	all["unix_socket_directories"] = ""
	all["cluster_name"] = s.Name // also the replica's name in pg_stat_replication
	if s.replicatesFrom() != nil {
		all["primary_conninfo"] = s.replicatesFrom().conninfo()
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value := strings.ReplaceAll(strings.ReplaceAll(all[name], `\`, `\\`), "'", "''")
		fmt.Fprintf(&text, "%s = '%s'\n", name, value)
	}
	return s.writeFile("postgresql.conf", text.String())
}

// conninfo is what a replica connects with. It goes straight to the server, not
// through its proxy: that one stands between the application and the server.
func (s *Server) conninfo() string {
	return fmt.Sprintf("host=%s port=%d user=%s password=%s sslmode=disable", loopback, s.serverPort, superUser, s.cluster.super)
}

// writeFile puts a file into the data folder, whole or not at all.
func (s *Server) writeFile(name, text string) error {
	path := filepath.Join(s.data(), name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	if err := s.cluster.account.own(path + ".new"); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
