package admin

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestLongAnswer: the text of a plan of callers by the thousand comes whole.
func TestLongAnswer(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 17<<20)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(long) })) // the test sees an error
	defer server.Close()
	r, err := http.NewRequest(http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, text, err := (&Client{http: server.Client()}).send(r); err != nil || len(text) != len(long) {
		t.Errorf("%d bytes of %d, %v", len(text), len(long), err)
	}
}
