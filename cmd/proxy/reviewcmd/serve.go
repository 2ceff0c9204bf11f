package reviewcmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"tollgate/internal/text"
	"tollgate/review"
	"tollgate/review/evidence"
	"tollgate/review/session"
)

// desk is where one person reviews: the logs, and the server of their pages.
type desk struct {
	flags   *reviewFlags
	zone    *time.Location
	private string // folder for what goes at the end
	out     io.Writer
	notes   io.Writer
	input   io.Reader
	now     func() time.Time

	logs    evidence.Logs
	closers []func() error
}

// person is who runs the command. Other users of the machine do not know the address.
var person = &session.Person{Name: "reviewer", Roles: []session.Role{session.Reviewer}}

const (
	// askTime is how long a request may take to come in: forms are small.
	askTime = 10 * time.Second
	// pageTime is how long a page may take, its way to the reader included. Downloads go on for as long as they are taken.
	pageTime = 2 * time.Minute
)

// farewell is how long pages that are under way at the end may take.
const farewell = 2 * time.Second

// serve serves the pages until ctx ends.
func (d *desk) serve(ctx context.Context, address string) error {
	inner, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	sessions, err := session.New(nil)
	if err != nil {
		return errors.Join(err, inner.Close())
	}
	server := newServer(d.pages(sessions).Handler(), askTime)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(inner) }()
	go d.invite(sessions, inner.Addr().String())
	select {
	case err = <-ended:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := server.Shutdown(last); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return server.Close()
}

// newServer returns a server to which requests come in within a time.
func newServer(pages http.Handler, in time.Duration) *http.Server {
	return &http.Server{Handler: pages, ReadHeaderTimeout: in, ReadTimeout: in, WriteTimeout: pageTime, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
}

// cookie is the name of the cookie. Browsers send cookies to all ports of a host, so that of another `tollgate review` replaces it: sign in again.
const cookie = "tollgate-review"

func (d *desk) pages(sessions *session.Manager) *review.Server {
	return review.New(review.Config{
		Logs: d.logs, Zone: d.zone, Clock: d.now, Hosts: []string{"127.0.0.1", "localhost"},
		Door: &review.Gate{Sessions: sessions, By: review.ByInvitation, Cookie: cookie, Clock: d.now},
	})
}

// invite prints an address by which the person can sign in, and another one for each line of the input.
func (d *desk) invite(sessions *session.Manager, address string) {
	for lines := bufio.NewScanner(d.input); ; {
		u := url.URL{Scheme: "http", Host: address, Path: "/signin", RawQuery: url.Values{"token": {sessions.Invite(person, d.now())}}.Encode()}
		_, _ = fmt.Fprintf(d.out, "open once, within %d minutes: %s\n", int(session.InvitationTime.Minutes()), &u) // who does not see it presses Enter
		if !lines.Scan() {
			return
		}
	}
}

// close ends what open began.
func (d *desk) close() (err error) {
	for _, end := range d.closers {
		err = errors.Join(err, end())
	}
	return err
}

// say prints a note.
func (d *desk) say(format string, args ...any) {
	_, _ = fmt.Fprintln(d.notes, text.EscapeUnprintable(fmt.Sprintf(format, args...)))
}
