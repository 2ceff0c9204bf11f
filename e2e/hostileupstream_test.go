package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// narrow is the raw gateway with few connections to its upstreams, so that calls wait for one another's. Its calls are
// reads, whose outcomes are not waited for.
var narrow = strings.NewReplacer(
	"effect: write", "effect: read",
	"    sign: true\n", "    sign: true\n    max_connections: 2\n",
	`    url: "http://{{.App}}"`+"\n", `    url: "http://{{.App}}"`+"\n    max_connections: 2\n",
).Replace(raw)

// naming answers with the target of the request, so that an answer that went to another caller shows.
func naming(target string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{\"target\":%q}", len(target)+13, target)
}

// TestSurplusAnswers has an upstream say more than it was asked. What is too much is no call's answer: above all not that of
// the call that takes the connection next.
func TestSurplusAnswers(t *testing.T) {
	t.Parallel()
	forged := naming("forged")
	w := newRawWorld(t, narrow)
	for name, surplus := range map[string]func(target string) string{
		"two answers at once":       func(target string) string { return naming(target) + forged },
		"a body longer than said":   func(target string) string { return naming(target) + "\r\n" + forged },
		"a last chunk and more":     func(target string) string { return chunkedNaming(target) + forged },
		"an answer without a body":  func(string) string { return "HTTP/1.1 204 No Content\r\n\r\n" + forged },
		"204 with a body":           func(string) string { return "HTTP/1.1 204 No Content\r\nContent-Length: 94\r\n\r\n" + forged },
		"an answer and half of one": func(target string) string { return naming(target) + forged[:20] },
	} {
		t.Run(name, func(t *testing.T) {
			for name, u := range w.upstreams {
				u.answering(func(c net.Conn, r *rawRequest) bool { return saying(surplus(r.target))(c, r) })
				w.crowd(t, name)
			}
		})
	}
	w.finish()
}

func chunkedNaming(target string) string {
	_, body, _ := strings.Cut(naming(target), "\r\n\r\n")
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}

// crowd makes many calls at once. Each that is answered by the upstream gets its own answer.
func (w *rawWorld) crowd(t *testing.T, upstream string) {
	t.Helper()
	callers, calls := 8, 6
	if soaking() {
		calls = 1000
	}
	var calling sync.WaitGroup
	for caller := range callers {
		calling.Go(func() {
			client := http.Client{Transport: &http.Transport{}, Timeout: patience}
			defer client.CloseIdleConnections()
			for i := range calls {
				target := fmt.Sprintf("/echo/%d-%d", caller, i)
				response, err := client.Get("http://" + w.address(upstream) + target)
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if err != nil || response.StatusCode == 200 && !strings.Contains(string(body), target) || strings.Contains(string(body), "forged") {
					t.Errorf("the answer to %s is %d %s (%v)", target, response.StatusCode, body, err)
				}
			}
		})
	}
	calling.Wait()
}
