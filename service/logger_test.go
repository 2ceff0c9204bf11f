package service

import (
	"bytes"
	"log"
	"strings"
	"testing"

	"tollgate/config"
)

// TestStandardLogQuotesNothing: what net/http prints of an upstream's unasked bytes stays out of the log.
func TestStandardLogQuotesNothing(t *testing.T) {
	var out bytes.Buffer
	logger, _, err := NewLogger(config.Log{Level: "info", Format: "json"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	defer RedirectStandardLog(logger)()
	log.Printf("Unsolicited response received on idle HTTP channel starting with %q; err=<nil>", `{"token":"s3cr3t"}`)
	if text := out.String(); strings.Contains(text, "s3cr3t") || !strings.Contains(text, "Unsolicited response") || !strings.HasPrefix(text, "{") {
		t.Errorf("logged %q", text)
	}
}

// stuck is a reader of the log that does not read.
type stuck struct{ release chan struct{} }

func (s stuck) Write(line []byte) (int, error) {
	<-s.release
	return len(line), nil
}

// TestLogNeverWaits: a reader that stalls delays neither calls nor the end of the program.
func TestLogNeverWaits(t *testing.T) {
	reader := stuck{make(chan struct{})}
	w := NewLineWriter(reader)
	for range 2 * patientLines { // would wait for ever
		if n, err := w.Write([]byte("line\n")); n != 5 || err != nil {
			t.Fatal(n, err)
		}
	}
	if w.dropped.Load() == 0 {
		t.Error("nothing was dropped, and nothing was read")
	}
	w.Close(0)
	close(reader.release)
	<-w.done
	for range 2 * patientLines { // by those that end later
		if n, err := w.Write([]byte("line\n")); n != 5 || err != nil {
			t.Fatal(n, err)
		}
	}
}
