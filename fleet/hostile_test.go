package fleet

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tollgate/fleet/redistest"
	"tollgate/internal/secret"
	"tollgate/internal/testpki"
)

// TestManyElements: answers may have as many bytes as freezes need, but not as many small elements as would fit: the library needs a
// multiple of the bytes for them.
func TestManyElements(t *testing.T) {
	lists := strings.Repeat("*1\r\n:1\r\n", maxElements/2)
	var s scanner
	if err := s.pass([]byte(lists)); err != nil {
		t.Errorf("as many as may be: %v", err)
	}
	if err := s.pass([]byte("*1\r\n:1\r\n")); err == nil {
		t.Error("more than may be")
	}
	s.begin()
	if err := s.pass([]byte(lists)); err != nil {
		t.Errorf("of the next round trip: %v", err)
	}
}

// TestLongInfo: an INFO of megabytes is not read.
func TestLongInfo(t *testing.T) {
	if _, err := parseInfo(standInfo + strings.Repeat("x:1\r\n", maxInfo/5)); err == nil {
		t.Error("taken")
	}
}

// TestForeignRows: what others write into the list of members does not come to the eyes of operators unless it has the form of a member.
func TestForeignRows(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{})
	m := run(t, options("a", s.Address(), "a")).up()
	for _, row := range [][2]string{
		{"with space", "i"}, {"\x1b[31mred", "i"}, {strings.Repeat("x", 65), "i"}, {"long", strings.Repeat("i", 1000)}, {"good", "i"},
	} {
		s.Do("HSET", "{tollgate}:member:"+row[0], "instance", row[1]) // first: heartbeats remove names that have no row
		s.Do("SADD", "{tollgate}:members", row[0])
	}
	await(t, "the row", func() bool { return m.seen("good").Instance == "i" })
	if all := m.State().Members; len(all) != 2 {
		t.Errorf("%d members: %+v", len(all), all)
	}
}

// TestPasswordInPart: a server repeats long arguments in part only.
func TestPasswordInPart(t *testing.T) {
	password := strings.Repeat("sesame-", 30)
	err := explain(hide(failure("ERR unknown command 'AUTH', with args beginning with: '"+password[:128]+"' "), secret.New(password)))
	if text := err.Error(); strings.Contains(text, "sesame") || !strings.HasPrefix(text, "ERR") {
		t.Error(err)
	}
	err = explain(hide(failure("WRONGPASS invalid username-password pair"), secret.New("pair")))
	if text := err.Error(); strings.Contains(text, "pair") || !strings.Contains(text, "check fleet.redis.username and password") {
		t.Error(err)
	}
}

// TestSentinelNamesASocket: sentinels name hosts and ports. A path would be taken for this machine, to which passwords go without TLS.
func TestSentinelNamesASocket(t *testing.T) {
	if e, err := endpoint("unix:/tmp/x.sock"); err == nil {
		t.Errorf("taken for %v", e)
	}
}

// TestCloseDoesNotWait: the end of a connection does not wait until a server takes what TLS says at its end.
func TestCloseDoesNotWait(t *testing.T) {
	ca := testpki.Must(testpki.New())
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{testpki.Must(ca.Issue(testpki.Leaf{Names: []string{"r"}, Server: true}))}})
		go func() { _ = server.Handshake(); <-t.Context().Done(); far.Close() }()
		client := tls.Client(near, &tls.Config{InsecureSkipVerify: true})
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		_ = (&guard{Conn: client}).Close()
		if took := time.Since(begun); took != 0 {
			t.Errorf("waited for %v", took)
		}
	})
}
