package gateway_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"tollgate/accept"
	"tollgate/audit/logfile"
	"tollgate/bss"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/secret"
	"tollgate/upstream"
)

// FuzzAnswer lets an upstream answer any bytes. Whatever they are: the caller gets the answer that an HTTP reader sees,
// less what belongs to the connection, to sessions or to the gateway, and never the credential's token; the record says
// what the caller sees, and no success of which the answer does not speak.
func FuzzAnswer(f *testing.F) {
	for _, answer := range []string{
		"HTTP/1.1 204 No Content\r\n\r\n", ok("{}"), ok(`{"error_code":"CBC.0000"}`), ok(`{"error_code":"CBC.5003","error_msg":"no"}`), "HTTP/1.1 000 x\r\n\r\n",
		"HTTP/1.0 200 OK\r\n\r\n{}", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
		"HTTP/1.1 503 x\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 500 x\r\nContent-Length: 26\r\n\r\n{\"error_code\":\"CBC.990001\"}", "HTTP/1.1 700 x\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: http://evil.test/\r\nSet-Cookie: s=1\r\nX-Subject-Token: t\r\nTollgate-Outcome: succeeded\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n",
		"HTTP/1.1 401 x\r\nX-Echo: " + securityToken + "\r\n\r\n{\"error_code\":\"APIG.0301\",\"error_msg\":\"verify aksk signature fail, canonicalRequest: " + securityToken + "\"}", "",
		coded(200, "gzip", gzipped("{}")), coded(400, "x-gzip, identity", gzipped(`{"error_code":"CBC.1","error_msg":"`+securityToken+`"}`)), coded(200, "gzip", gzipped("{}")[:20]),
		coded(200, "br", "{}"), coded(206, "gzip", "{}"), chunks("gzip", gzipped("{", "}")), coded(200, "gzip", gzipped("{}")+"x"), coded(200, "gzip", ""),
	} {
		f.Add(true, answer)
		f.Add(false, answer)
	}
	var answer string
	fix := prepare(f, fixed, withFastClock, transport(func(r *upstream.Request) (*upstream.Response, error) {
		return parseAnswer(r.Method, answer)
	}))
	handler := fix.gateway.Server("local").Handler
	f.Fuzz(func(t *testing.T, paying bool, text string) {
		call := look()
		if paying {
			call = pay()
		}
		request := must(http.ReadRequest(bufio.NewReader(strings.NewReader(call))))
		theirs, body := readAnswer(request, text)
		if theirs != nil && theirs.StatusCode < 200 {
			return // the transport does not return such answers
		}
		request, answer = from(&accept.Connection{Remote: "127.0.0.1:4000"}, request), text
		fix.log.clear()
		got := httptest.NewRecorder()
		aborted := serveAborting(handler, got, request)
		outcomes := fix.log.of(logfile.KindOutcome)
		if len(outcomes) != 1 {
			t.Fatalf("%d outcomes: %+v", len(outcomes), outcomes)
		}
		checkOutcome(t, outcomes[0], theirs, paying)
		if !aborted {
			checkAnswer(t, got, outcomes[0], theirs, body)
		}
	})
}

// withFastClock lets hours pass, so that no pause outlasts a call, and sets a token for the credential.
func withFastClock(f *fixture) {
	clock := time.Now()
	f.config.Now = func() time.Time {
		clock = clock.Add(time.Hour)
		return clock
	}
	f.credentials["acme"] = signer(credential.Facts{Name: "acme", Upstream: "bss", Class: catalog.ClassCustomer, DomainID: customerAccount}, func() (credential.Keys, error) {
		return credential.Keys{AccessKey: "AK-1", SecretKey: secret.New("sk"), SecurityToken: secret.New(securityToken)}, nil
	})
}

func ok(body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + body
}

// readAnswer reads an answer as any client would that knows gzip; nil if it cannot be read whole, or only by repair.
func readAnswer(r *http.Request, text string) (*http.Response, []byte) {
	if !isStrict(r.Method, text) {
		return nil, nil
	}
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(text)), r)
	if err != nil {
		return nil, nil
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil
	}
	if !isGzip(response) || len(body) == 0 && (response.ContentLength >= 0 || response.TransferEncoding != nil || !response.Close) {
		return response, body
	}
	unzip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, nil
	}
	if body, err = io.ReadAll(unzip); err != nil {
		return nil, nil
	}
	return response, body
}

// isStrict reports whether package http1 reads an answer whole.
func isStrict(method, text string) bool {
	response, err := parseAnswer(method, text)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
	}
	return err == nil
}

func isGzip(response *http.Response) bool {
	return slices.Contains([]string{"gzip", "x-gzip"}, codingOf(response)) && response.StatusCode != http.StatusPartialContent
}

// codingOf returns the codings of an answer in one text.
func codingOf(response *http.Response) string {
	var codings []string
	for _, coding := range strings.Split(strings.ToLower(strings.Join(response.Header["Content-Encoding"], ",")), ",") {
		if coding = strings.Trim(coding, " \t"); coding != "" && coding != "identity" {
			codings = append(codings, coding)
		}
	}
	return strings.Join(codings, ",")
}

// serveAborting reports whether the handler broke the connection off, as it does when an answer cannot be completed.
func serveAborting(h http.Handler, w http.ResponseWriter, r *http.Request) (aborted bool) {
	defer func() {
		if fault := recover(); fault != nil {
			err, _ := fault.(error)
			if aborted = errors.Is(err, http.ErrAbortHandler); !aborted {
				panic(fault)
			}
		}
	}()
	h.ServeHTTP(w, r)
	return false
}

func checkOutcome(t *testing.T, r logfile.Record, theirs *http.Response, paying bool) {
	t.Helper()
	if !slices.Contains([]string{logfile.Succeeded, logfile.Failed, logfile.Partial, logfile.Unknown}, r.Outcome) {
		t.Errorf("outcome %q of a call that was sent", r.Outcome)
	}
	switch {
	case theirs != nil && theirs.StatusCode/100 == 3 && paying && r.Outcome != logfile.Unknown:
		t.Errorf("a redirect of a payment, and the outcome %s", r.Outcome)
	case theirs == nil && r.Outcome != logfile.Unknown:
		t.Errorf("no answer that can be read, and the outcome %s", r.Outcome)
	case theirs != nil && (theirs.StatusCode < 200 || theirs.StatusCode > 299) && (r.Outcome == logfile.Succeeded || r.Outcome == logfile.Partial):
		t.Errorf("status %d, and the outcome %s", theirs.StatusCode, r.Outcome)
	case theirs != nil && theirs.StatusCode >= 500 && paying && r.Outcome == logfile.Failed && !strings.HasPrefix(r.ErrorCode, "CBC."):
		t.Errorf("status %d with the code %q of a payment, and the outcome %s", theirs.StatusCode, r.ErrorCode, r.Outcome)
	}
}

func checkAnswer(t *testing.T, got *httptest.ResponseRecorder, r logfile.Record, theirs *http.Response, body []byte) {
	t.Helper()
	header := got.Result().Header
	for _, name := range []string{"Set-Cookie", "X-Subject-Token", "Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Trailer"} {
		if header[name] != nil {
			t.Errorf("the caller gets %s: %q", name, header[name])
		}
	}
	for name, values := range header {
		if strings.HasPrefix(name, "Tollgate-") && (len(values) != 1 || name != "Tollgate-Call-Id" && name != "Tollgate-Outcome") {
			t.Errorf("the caller gets %s: %q", name, values)
		}
		if strings.Contains(strings.Join(values, "\n"), securityToken) {
			t.Errorf("the token is in the header %s", name)
		}
	}
	if r.Outcome == logfile.Unknown && header["Retry-After"] != nil {
		t.Error("an unknown outcome, and advice to repeat")
	}
	if bytes.Contains(got.Body.Bytes(), []byte(securityToken)) {
		t.Error("the token is in the body")
	}
	if r.Reason == "credential_paused" || r.Reason == "clock_rejected" { // an answer of our own
		if got.Code != http.StatusServiceUnavailable || theirs == nil || theirs.StatusCode != http.StatusUnauthorized || !strings.Contains(string(body), "030") {
			t.Errorf("answer %d for %+v", got.Code, theirs)
		}
		return
	}
	unreadable := theirs != nil && codingOf(theirs) != "" && !isGzip(theirs) && len(body) > 0
	if r.Status == 0 || unreadable || theirs != nil && theirs.StatusCode/100 == 3 { // an answer of our own
		if got.Code != http.StatusBadGateway || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("answer %d for an outcome without an answer", got.Code)
		}
		return
	}
	if theirs == nil || got.Code != theirs.StatusCode || r.Status != got.Code {
		t.Fatalf("answered %d, recorded %d, the upstream said %+v", got.Code, r.Status, theirs)
	}
	if values := header["Content-Encoding"]; values != nil && (isGzip(theirs) || codingOf(theirs) == "") {
		t.Errorf("the caller sees the coding %q", values)
	}
	if header.Get("Tollgate-Outcome") != r.Outcome {
		t.Errorf("the caller's header says %q, the log %q", header.Get("Tollgate-Outcome"), r.Outcome)
	}
	if !bss.QuotesToken(string(body), securityToken) && !bytes.Equal(got.Body.Bytes(), body) {
		t.Errorf("the body %q came as %q", body, got.Body.Bytes())
	}
}
