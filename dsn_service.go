package pgsplit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgservicefile"
)

// readService gives the settings of a service by the file it stands in ("" for the usual one). pgx would read them itself, but
// a replica takes over what the main DSN's service says, and its own service outranks that.
func readService(name, path string) (map[string]string, error) {
	if path == "" {
		path = os.Getenv("PGSERVICEFILE")
	}
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, errors.New("service: without a home directory, PGSERVICEFILE must name the service file")
		}
		path = filepath.Join(home, ".pg_service.conf")
	}
	file, err := pgservicefile.ReadServicefile(path)
	if err != nil {
		return nil, fmt.Errorf("service: cannot read the service file: %w", err)
	}
	service, err := file.GetService(name)
	if err != nil {
		return nil, fmt.Errorf("service %q is not in the service file %s", name, path)
	}
	own := make(map[string]string, len(service.Settings))
	for key, value := range service.Settings {
		if key == "dbname" {
			key = "database"
		}
		own[key] = value
	}
	delete(own, "service") // one does not lead to another
	delete(own, "servicefile")
	return own, nil
}
