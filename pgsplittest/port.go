package pgsplittest

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

const loopback = "127.0.0.1"

// Ports below the range from which systems take the ports of outgoing
// connections (32768 and up on Linux, 49152 elsewhere): no such connection can
// sit on the port of a server that is stopped for the moment, nor connect to
// itself there.
const (
	firstPort = 15000
	lastPort  = 32000
)

// freePort returns a port on which nobody listens. Somebody may before we do:
// whoever uses it tries another then.
func freePort() (int, error) {
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, errors.New("no free port on " + loopback)
}
