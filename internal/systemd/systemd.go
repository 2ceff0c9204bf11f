// Package systemd sends the states of sd_notify(3) to the service manager that started this process.
package systemd

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"tollgate/internal/text"
)

const (
	// patience bounds a message: one to a manager that does not read must not hold a reload up.
	patience = time.Second
	// longestStatus is how long a status may be; systemctl shows it in one line.
	longestStatus = 300
)

// Manager is a service manager. The zero value is none: nothing is sent, and that is no error.
type Manager struct {
	socket string // a path, or @ and an abstract name
}

// Find returns the manager that started this process: the one in $NOTIFY_SOCKET, or none.
func Find() Manager { return Manager{os.Getenv("NOTIFY_SOCKET")} }

// Ready says that the service serves, at the end of its start and of a reload.
func (m Manager) Ready(status string) error { return m.send("READY=1", statusLine(status)) }

// Reloading says that a reload begins. It ends with [Manager.Ready], also when the configuration is refused.
func (m Manager) Reloading() error {
	if m.socket == "" {
		return nil
	}
	now, err := monotonic()
	if err != nil {
		return err
	}
	// By this time a manager of Type=notify-reload sees that the message is not of an earlier reload.
	return m.send("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Microseconds()), statusLine("reloading"))
}

// Stopping says that the service begins to stop.
func (m Manager) Stopping(status string) error { return m.send("STOPPING=1", statusLine(status)) }

// Status says how the service is doing, for systemctl status.
func (m Manager) Status(status string) error { return m.send(statusLine(status)) }

// statusLine returns the assignment of a status, which must be one line: a further one would be an assignment of its own.
func statusLine(status string) string {
	return "STATUS=" + text.Truncate(text.Printable(status, ' '), longestStatus, "…")
}

// send sends assignments, one a line, in one datagram.
func (m Manager) send(assignments ...string) error {
	if m.socket == "" {
		return nil
	}
	connection, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err = connection.Write([]byte(strings.Join(assignments, "\n")))
	return err
}
