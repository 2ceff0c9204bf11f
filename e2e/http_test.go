package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// answer is what a plain HTTP client got.
type answer struct {
	status int
	header http.Header
	body   string
	code   string // error_code of the body
}

func send(t testing.TB, transport http.RoundTripper, r *http.Request) answer {
	t.Helper()
	got, err := ask(transport, r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// ask is send for callers that live with a broken connection. The answer has what arrived of it.
func ask(transport http.RoundTripper, r *http.Request) (answer, error) {
	client := http.Client{Transport: transport, Timeout: patience}
	response, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body), problemCode(body)}, err
}

// problemCode is the error_code of an answer's body; not every body has one, or is JSON.
func problemCode(body []byte) string {
	var problem struct {
		ErrorCode string `json:"error_code"`
	}
	_ = json.Unmarshal(body, &problem)
	return problem.ErrorCode
}

func request(t testing.TB, method, url, body string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// replaceOnce changes a configuration, and fails where there is nothing to change.
func replaceOnce(t testing.TB, text, from, to string) string {
	t.Helper()
	if strings.Count(text, from) != 1 {
		t.Fatalf("%q is not once in the configuration", from)
	}
	return strings.Replace(text, from, to, 1)
}
