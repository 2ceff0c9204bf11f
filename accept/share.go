package accept

import (
	"fmt"
	"net"
	"os"
)

// Share returns a second listener on the socket of l, which [Listen] has made. Connections that wait in the system come to either of them, and
// the socket stays open until both are closed. The file of a unix socket belongs to l: closing l removes it, closing the other does not.
//
// A server that takes the place of another on a socket loses no connection by it, since there is always one that listens.
func Share(l net.Listener) (net.Listener, error) {
	shared, ok := l.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, fmt.Errorf("a %T cannot be shared", l)
	}
	file, err := shared.File()
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // FileListener has a descriptor of its own
	return net.FileListener(file)
}
