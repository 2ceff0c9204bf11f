package service

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"

	"tollgate/config"
)

var logTime = time.Date(2026, 3, 4, 12, 5, 6, 7_000_000, time.UTC)

// logged returns what an entry looks like as text.
func logged(t *testing.T, message string, fields ...zapcore.Field) string {
	t.Helper()
	line, err := newTextEncoder(time.UTC).EncodeEntry(zapcore.Entry{Time: logTime, Level: zapcore.WarnLevel, Message: message}, fields)
	if err != nil {
		t.Fatal(err)
	}
	return line.String()
}

func TestTextLog(t *testing.T) {
	const head = "12:05:06.007 WARN  the log is slow                          "
	for _, c := range []struct {
		fields []zapcore.Field
		want   string
	}{
		{nil, strings.TrimRight(head, " ") + "\n"},
		{[]zapcore.Field{zap.String("file", "/var/x"), zap.Int("n", 3), zap.Bool("up", true), zap.Duration("for", 1500*time.Millisecond)},
			head + " file=/var/x n=3 up=true for=1.5s\n"},
		{[]zapcore.Field{zap.Strings("all", []string{"a", "b c"}), zap.Time("at", logTime), zap.String("empty", "")},
			head + ` all=["a","b c"] at=2026-03-04T12:05:06Z empty=""` + "\n"},
		{[]zapcore.Field{zap.String("why", "a b"), zap.String("eq", "x=y"), zap.String("esc", "\x1b[31m"), zap.Strings("bidi", []string{"\u202e"})},
			head + ` why="a b" eq="x=y" esc="\x1b[31m" bidi=["` + "\uFFFD" + `"]` + "\n"},
		{[]zapcore.Field{zap.Error(errors.New("a.yaml:3:4: bad\n  3 | x\n\x1b[1A12:00:00 forged\n")), zap.String("by", "signal")},
			head + " by=signal\n    error:\n      a.yaml:3:4: bad\n        3 | x\n      \uFFFD[1A12:00:00 forged\n"},
	} {
		if got := logged(t, "the log is slow", c.fields...); got != c.want {
			t.Errorf("got\n%s\nwant\n%s", got, c.want)
		}
	}
	if got := logged(t, "a\nb\x1b"); got != "12:05:06.007 WARN  a\uFFFDb\uFFFD\n" {
		t.Errorf("%q", got)
	}
}

// TestTextLogKeepsFields: fields of a logger made with With are in each of its entries, and in no other logger's.
func TestTextLogKeepsFields(t *testing.T) {
	var out bytes.Buffer
	logger, _, err := NewLogger(config.Log{Level: "info", Format: "text"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	logger.With(zap.String("listener", "a")).Named("acme").Info("one")
	logger.Info("two", zap.Namespace("in"), zap.Int("x", 1))
	first, second, _ := strings.Cut(out.String(), "\n")
	if !strings.Contains(first, " INFO  acme: one ") || !strings.HasSuffix(first, " listener=a") || !strings.HasSuffix(second, ` in={"x":1}`+"\n") || strings.Contains(second, "listener") {
		t.Errorf("%q, %q", first, second)
	}
}

// FuzzTextLog: whatever a message and a value are, what is written is printable, and only its first line begins at the margin.
func FuzzTextLog(f *testing.F) {
	f.Add("up", "name", "value", true)
	f.Add("\x1b]0;x\a", "a\nb", "\r12:00:00.000 INFO  forged", false)
	f.Add("", "", "\n\n x", true)
	f.Add("\xff", "\xc3", "\u2028\xff{}\"", false)
	f.Fuzz(func(t *testing.T, message, name, value string, asError bool) {
		field := zap.Strings(name, []string{value})
		if asError {
			field = zap.String(name, value)
		}
		text := logged(t, message, field)
		if !strings.HasSuffix(text, "\n") || !strings.HasPrefix(text, "12:05:06.007 WARN") {
			t.Fatalf("%q", text)
		}
		for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			if i > 0 && !strings.HasPrefix(line, "    ") || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Fatalf("line %d of %q", i, text)
			}
		}
	})
}

// terminal returns both ends of a terminal.
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = theirs.Close() })
	return ours, theirs
}

// TestLogFormatByReader: auto writes text to a terminal and JSON to all else, and a format that is set holds for both.
func TestLogFormatByReader(t *testing.T) {
	ours, theirs := terminal(t)
	screen := bufio.NewReader(ours)
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, c := range []struct {
		format           string
		onScreen, inFile bool // whether it is JSON there
	}{{"auto", false, true}, {"json", true, true}, {"text", false, false}} {
		for place, want := range map[*os.File]bool{theirs: c.onScreen, file: c.inFile} {
			lines := NewLineWriter(place)
			logger, _, err := NewLogger(config.Log{Level: "info", Format: c.format}, lines)
			if err != nil {
				t.Fatal(err)
			}
			logger.Info("hello")
			lines.Close(time.Minute)
			line := written(t, screen, file, place == theirs)
			if got := strings.HasPrefix(line, "{"); got != want || !strings.Contains(line, "hello") {
				t.Errorf("%s, terminal %v: %q", c.format, place == theirs, line)
			}
		}
	}
}

// written returns the line that was written last, on the screen or in the file.
func written(t *testing.T, screen *bufio.Reader, file *os.File, onScreen bool) string {
	t.Helper()
	if onScreen {
		line, err := screen.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text[bytes.LastIndexByte(bytes.TrimSuffix(text, []byte("\n")), '\n')+1:])
}

// TestDroppedLinesAreSaid: in the format of the log.
func TestDroppedLinesAreSaid(t *testing.T) {
	for before, want := range map[string]string{
		"{\"level\":\"info\"}\n": `{"level":"warn","msg":"log lines were dropped: they were not read in time","lines":7}` + "\n",
		"12:00:00.000 INFO  x\n": "WARN  log lines were dropped: they were not read in time  lines=7\n",
	} {
		var out bytes.Buffer
		w := &LineWriter{to: &out}
		w.dropped.Store(7)
		w.write([]byte(before))
		if out.String() != before+want {
			t.Errorf("%q", out.String())
		}
	}
}
