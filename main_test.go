package pgsplit_test

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	status := m.Run()
	for _, l := range []*lazyCluster{&calmCluster, &roughCluster, &concernCluster, &corpusLazy, &foreignCluster} {
		if l.cluster == nil {
			continue
		}
		if err := l.cluster.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "the shared cluster does not end:", err)
			status = 1
		}
	}
	os.Exit(status)
}
