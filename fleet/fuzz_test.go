package fleet

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/redis/go-redis/v9"
)

// answers are texts as servers could send them.
var answers = []string{
	"+OK\r\n", "-ERR no\r\n", ":1\r\n", "$2\r\nab\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "*2\r\n:1\r\n*1\r\n$0\r\n\r\n",
	"*2\r\n$1\r\n7\r\n:1\r\n", "*2000000000\r\n", "$2000000000\r\n", "$99999999999999999999\r\n", strings.Repeat("*1\r\n", 9),
	"-EPOCH 7\r\n", "-FENCED 7\r\n", "-ORDER 7\r\n", "-FAILED 7 some reason\r\n", "-NOSCRIPT No matching script.\r\n", "-OOM x\r\n",
	"nonsense\r\n", "\r\n", "\n", "$2\r\nabc\r\n", "*2\r\n$1\r\n7\r\n-ERR in\r\n", "%1\r\n+a\r\n+b\r\n", "_\r\n", ",1.5\r\n", "(1\r\n", "#t\r\n",
}

// FuzzGuard holds the scanner against a reader that takes all in at once: what the scanner passes has the form of answers within the
// bounds, in whatever pieces it comes.
func FuzzGuard(f *testing.F) {
	for _, a := range answers {
		f.Add([]byte(a+a), 1)
	}
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		whole := scanner{}
		want := whole.pass(data)
		pieces, rest := scanner{}, data
		var got error
		for got == nil && len(rest) > 0 {
			n := max(1, min(size, len(rest)))
			got, rest = pieces.pass(rest[:n]), rest[n:]
		}
		if (got == nil) != (want == nil) {
			t.Fatalf("in pieces of %d: %v, at once: %v", size, got, want)
		}
		if want == nil && (len(whole.open) > maxDepth || whole.skip > maxBulk+2 || len(whole.line) > maxLine) {
			t.Fatalf("beyond the bounds: %+v", whole)
		}
		r := bufio.NewReader(bytes.NewReader(data))
		for err := error(nil); err == nil; {
			if err = formOf(r, 0); errors.Is(err, errForm) && want == nil {
				t.Fatalf("passed: %q", data)
			}
			if err == nil && r.Buffered() == 0 && want != nil {
				t.Fatalf("whole answers within the bounds were refused: %q, %v", data, want)
			}
		}
	})
}

var errForm = errors.New("not an answer")

// formOf reads one answer, or fails with errForm where its form is not one that passes.
func formOf(r *bufio.Reader, depth int) error {
	line, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	head := regexp.MustCompile(`(?s)^([+:-][^\n]*|[$*](-1|[0-9]+))\r\n$`).FindStringSubmatch(line)
	if head == nil || len(line) > maxLine {
		return errForm
	}
	n, err := strconv.Atoi(head[2])
	switch kind := line[0]; {
	case head[2] == "" || n == -1:
		return nil
	case err != nil || kind == '$' && n > maxBulk || kind == '*' && (n > maxArray || n > 0 && depth == maxDepth):
		return errForm
	case kind == '$':
		if _, err := io.CopyN(io.Discard, r, int64(n)); err != nil {
			return err
		}
		for _, want := range []byte(lineEnd) {
			if c, err := r.ReadByte(); err != nil || c != want {
				return cmp.Or(err, errForm)
			}
		}
		return nil
	}
	for range n {
		if err := formOf(r, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// FuzzAnswer sends bytes as the answer to a question through the guard and the library. Nothing but the answer that belongs to the
// question is taken for one.
func FuzzAnswer(f *testing.F) {
	for _, a := range answers {
		f.Add([]byte(a))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, reply, err := judgeBytes(data)
		switch {
		case v == answered && err == nil:
			if !bytes.HasPrefix(data, []byte("*2\r\n$1\r\n7\r\n")) {
				t.Fatalf("%q is taken for %v", data, reply)
			}
		case err == nil:
			t.Fatalf("%q: verdict %d without an error", data, v)
		case v == stale || v == unordered || v == failed:
			if word := regexp.MustCompile(`^-(EPOCH|FENCED|ORDER|FAILED) 7[ \r]`); !word.Match(data) {
				t.Fatalf("%q is taken for verdict %d", data, v)
			}
		}
		if v != answered {
			_ = explain(err)
			return
		}
		readReply(t, reply)
	})
}

// readReply has all who read answers read one.
func readReply(t *testing.T, reply any) {
	if e, err := parseEntry(reply); err == nil && (e.number == 0 || e.server.identity == "") {
		t.Fatalf("an entry of nothing: %+v", e)
	}
	if b, err := parseBeat(reply); err == nil && b.server.role == "" {
		t.Fatalf("a heartbeat of nothing: %+v", b)
	}
	if _, err := parseRow(reply); err != nil && !strings.Contains(err.Error(), "row") {
		t.Fatal(err)
	}
}

// judgeBytes reads bytes as the answer to question 7.
func judgeBytes(data []byte) (verdict, any, error) {
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		defer far.Close()
		buffer := make([]byte, 4096)
		if _, err := far.Read(buffer); err != nil { // the library's HELLO
			return
		}
		if _, err := io.WriteString(far, "*0\r\n"); err != nil {
			return
		}
		if _, err := far.Read(buffer); err == nil {
			_, _ = io.Copy(far, iotest.OneByteReader(bytes.NewReader(data)))
		}
	}()
	w := newWire(near, &redis.Options{})
	defer w.close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	reply, err := w.conn.Do(ctx, "X").Result()
	return judge(7, reply, err)
}

// FuzzInfo holds the reader of INFO against a search.
func FuzzInfo(f *testing.F) {
	f.Add(standInfo)
	f.Add("# Server\r\nrun_id:1\n\nrun_id:2\r\nmaster_replid:0\r\nevicted_keys:-1\r\nrole:slave")
	f.Add("run_id:a\r\nmaster_replid:b\r\nevicted_keys:7\r\nrole:master\r\nredis_version:6.2.1")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseInfo(text)
		if err != nil {
			if !reflect.DeepEqual(got, server{}) {
				t.Fatalf("%+v with %v", got, err)
			}
			return
		}
		find := func(name string) string {
			found := regexp.MustCompile(`(?m)^` + name + `:([^\n]*?)[\r]*$`).FindStringSubmatch(text)
			if found == nil {
				return ""
			}
			return found[1]
		}
		if got.identity != find("run_id")+"-"+find("master_replid") || got.role != find("role") || got.version != find("redis_version") {
			t.Fatalf("%q is read as %+v", text, got)
		}
		if got.check() == nil && (got.role != "master" || got.version < "7" && len(got.version) < 2) {
			t.Fatalf("%+v is good enough", got)
		}
	})
}
