//go:build unix && !aix

package pgsplit

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wire is both ends of a connection.
func wire(t *testing.T, network, address string) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	require.NoError(t, err)
	defer l.Close()
	here, err = net.Dial(network, l.Addr().String())
	require.NoError(t, err)
	there, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { here.Close(); there.Close() })
	return here, there
}

func TestASocketIsQuietUntilSomethingArrivesOrItEnds(t *testing.T) {
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": t.TempDir() + "/s"} {
		for name, over := range map[string]func(net.Conn) net.Conn{
			"plain": func(c net.Conn) net.Conn { return c },
			"TLS":   func(c net.Conn) net.Conn { return tls.Client(c, &tls.Config{InsecureSkipVerify: true}) },
		} {
			t.Run(network+", "+name, func(t *testing.T) {
				for end, disturb := range map[string]func(here, there net.Conn) error{
					"something arrives": func(_, there net.Conn) error { _, err := there.Write([]byte("N")); return err },
					"the other end":     func(_, there net.Conn) error { return there.Close() },
					"this end":          func(here, _ net.Conn) error { return here.Close() },
				} {
					here, there := wire(t, network, address)
					var s socket
					s.init(over(here))
					require.True(t, s.quiet(), end)
					require.NoError(t, disturb(here, there))
					for range 2 { // nothing is taken
						require.Eventually(t, func() bool { return !s.quiet() }, 10*time.Second, time.Millisecond, end)
					}
				}
			})
		}
	}
	var none socket
	none.init(nil)
	require.True(t, none.quiet())
}

// pgx may leave a goroutine behind that waits for what arrives on an idle connection.
func TestALookAtASocketDoesNotWaitForWhoReadsIt(t *testing.T) {
	here, there := wire(t, "tcp", "127.0.0.1:0")
	var s socket
	s.init(here)
	began, read := make(chan struct{}), make(chan error)
	go func() {
		close(began)
		_, err := here.Read(make([]byte, 1))
		read <- err
	}()
	<-began
	for range 1000 {
		require.True(t, s.quiet())
	}
	require.NoError(t, there.Close())
	require.Error(t, <-read)
	require.False(t, s.quiet(), "it has ended, whoever was told first")
}

func TestALookAtASocketAllocatesNothing(t *testing.T) {
	here, _ := wire(t, "tcp", "127.0.0.1:0")
	var s socket
	s.init(here)
	require.Zero(t, testing.AllocsPerRun(100, func() { s.quiet() }))
}
