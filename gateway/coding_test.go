package gateway_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"tollgate/audit/logfile"
	"tollgate/internal/secret"
	"tollgate/signing"
)

func gzipped(texts ...string) string {
	var packed bytes.Buffer
	for _, text := range texts {
		zip := gzip.NewWriter(&packed)
		_, _ = io.WriteString(zip, text)
		_ = zip.Close()
	}
	return packed.String()
}

// coded frames a body in a coding.
func coded(status int, coding, body string, header ...string) string {
	return jsonAnswer(status, body, append(header, "Content-Encoding: "+coding)...)
}

func chunks(coding, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: %s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", coding, len(body), body)
}

func withToken(f *fixture) { f.credentials = credentials(f.origin.t, secret.New(securityToken)) }

// An answer in gzip, which was not asked for, is judged, recorded and passed on as what it stands for.
func TestGzipIsUndone(t *testing.T) {
	const body = `{"order_ids":["CS-1001"]}`
	const failure = `{"error_code":"CBC.99005003","error_msg":"low"}`
	for name, tt := range map[string]struct {
		answer, body, outcome, code string
	}{
		"gzip":               {coded(200, "gzip", gzipped(body)), body, logfile.Succeeded, ""},
		"x-gzip":             {coded(200, "x-gzip", gzipped(body)), body, logfile.Succeeded, ""},
		"in capitals":        {coded(200, "GZIP", gzipped(body)), body, logfile.Succeeded, ""},
		"and identity":       {coded(200, "identity, gzip,", gzipped(body)), body, logfile.Succeeded, ""},
		"identity":           {coded(200, "identity", body), body, logfile.Succeeded, ""},
		"chunked":            {chunks("gzip", gzipped(body)), body, logfile.Succeeded, ""},
		"two members":        {coded(200, "gzip", gzipped(body[:9], body[9:])), body, logfile.Succeeded, ""},
		"empty, of no bytes": {coded(200, "gzip", ""), "", logfile.Succeeded, ""},
		"empty, in chunks":   {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "", logfile.Succeeded, ""},
		"empty, in gzip":     {coded(200, "gzip", gzipped("")), "", logfile.Succeeded, ""},
		"a failure":          {coded(400, "gzip", gzipped(failure)), failure, logfile.Failed, "CBC.99005003"},
		"of the gateway":     {coded(502, "gzip", gzipped(`{"error_code":"APIG.0201"}`)), `{"error_code":"APIG.0201"}`, logfile.Unknown, "APIG.0201"},
		"not JSON":           {coded(200, "gzip", gzipped("<html>")), "<html>", logfile.Unknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, answering(tt.answer))
			got := f.send(t, pay())
			if got.body != tt.body || got.err != nil || got.header["Content-Encoding"] != nil || got.header.Get("Content-Length") != fmt.Sprint(len(tt.body)) {
				t.Errorf("answer %d %v %q (%v), want %q", got.status, got.header, got.body, got.err, tt.body)
			}
			r := f.log.only(t, logfile.KindOutcome)
			if r.Outcome != tt.outcome || r.ErrorCode != tt.code || r.AnswerBytes != int64(len(tt.body)) || r.AnswerHash != signing.HashHex([]byte(tt.body)) {
				t.Errorf("on record %+v, want the outcome %s", r, tt.outcome)
			}
		})
	}
}

// What a header says about the bytes of gzip is not true of what is passed on.
func TestHeadersOfUndoneGzip(t *testing.T) {
	for tag, want := range map[string]string{`"a"`: `W/"a"`, `W/"a"`: `W/"a"`, "a": ""} {
		f := start(t, fixed, answering(coded(200, "gzip", gzipped("{}"), "ETag: "+tag, "Last-Modified: x")))
		if got := f.send(t, look()); got.header.Get("Etag") != want || got.header.Get("Last-Modified") != "x" {
			t.Errorf("tag %s: %v", tag, got.header)
		}
	}
	for name, tt := range map[string]struct{ request, answer string }{
		"HEAD":          {plain("HEAD", "/echo/x", ""), "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nETag: \"a\"\r\nContent-Length: 1234\r\n\r\n"},
		"HEAD, closing": {plain("HEAD", "/echo/x", ""), "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nETag: \"a\"\r\nConnection: close\r\n\r\n"},
		"no content":    {look(), "HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\nETag: \"a\"\r\n\r\n"},
	} {
		f := start(t, fixed, answering(tt.answer))
		c := f.dial(t)
		c.write(tt.request)
		got := c.read(strings.Fields(tt.request)[0])
		if got == nil || got.status/100 != 2 || got.header["Content-Encoding"] != nil || got.header["Content-Length"] != nil || got.header.Get("Etag") != `W/"a"` {
			t.Errorf("%s: %+v", name, got)
		}
		if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Succeeded {
			t.Errorf("%s: outcome %s", name, r.Outcome)
		}
	}
}

// Gzip that is broken or cut anywhere says nothing: what it would have said is unknown.
func TestBrokenGzip(t *testing.T) {
	whole := gzipped(`{"order_ids":["CS-1001"]}`)
	wrong := []byte(whole)
	wrong[len(wrong)-6] ^= 1 // of the checksum
	answers := map[string]string{
		"wrong checksum": coded(200, "gzip", string(wrong)), "something behind": coded(200, "gzip", whole+"x"), "no gzip": coded(200, "gzip", "{}"),
		"no bytes, closing": "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n", "failure": coded(400, "gzip", "{}"),
	}
	for cut := 1; cut < len(whole); cut++ {
		answers[fmt.Sprintf("cut at %d", cut)] = coded(200, "gzip", whole[:cut])
		answers[fmt.Sprintf("cut at %d, closing", cut)] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + whole[:cut]
	}
	f := start(t, fixed)
	for name, answer := range answers {
		for _, request := range []string{look(), pay()} {
			f.origin.set(breaking(answer), nil)
			f.log.clear()
			f.send(t, request).wantCode(t, "TG.7002")
			if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Unknown {
				t.Errorf("%s: outcome %s", name, r.Outcome)
			}
		}
	}
}

func orders(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `{"order":%d},`, i)
	}
	return text.String()
}

// A large answer is undone as it streams and judged by its status.
func TestLargeGzipStreams(t *testing.T) {
	body := orders(60_000)
	packed := gzipped(body)
	for name, answer := range map[string]string{"length": coded(200, "gzip", packed), "chunked": chunks("gzip", packed)} {
		for _, changes := range []bool{false, true} {
			f := start(t, fixed, answering(answer))
			request, outcome := look(), logfile.Succeeded
			if changes {
				request, outcome = pay(), logfile.Unknown
			}
			got := f.send(t, request)
			if got.status != 200 || got.body != body || got.err != nil || got.header["Content-Encoding"] != nil || got.header["Content-Length"] != nil {
				t.Errorf("%s: answer %d of %d bytes (%v) %v", name, got.status, len(got.body), got.err, got.header)
			}
			if r := f.log.only(t, logfile.KindOutcome); r.Outcome != outcome || r.ResultFrom != "status" || r.AnswerHash != "" {
				t.Errorf("%s: on record %+v", name, r)
			}
		}
	}
	for name, answer := range map[string]string{"cut": coded(200, "gzip", packed[:len(packed)-1]), "broken": coded(200, "gzip", packed[:len(packed)/2]+strings.Repeat("x", 5000))} {
		f := start(t, fixed, answering(answer))
		if got := f.send(t, look()); got.err == nil {
			t.Errorf("%s: the caller takes %d bytes for the whole answer", name, len(got.body))
		}
	}
}

// Gzip that stands for too much is broken off: the caller gets what is free and 100 times what came, at the most.
func TestGzipBomb(t *testing.T) {
	packed := gzipped(strings.Repeat("0", 4<<20))
	f := start(t, fixed, answering(coded(200, "gzip", packed)))
	got := f.send(t, look())
	if most := len(packed)*100 + int(f.plan.Bounds.HeldAnswer); got.err == nil || len(got.body) > most {
		t.Errorf("%d bytes arrived (%v) of gzip of %d", len(got.body), got.err, len(packed))
	}
}

// What cannot be undone is passed on as it came, and judged by its status, whatever it looks like.
func TestOtherCodings(t *testing.T) {
	const body = `{"error_code":"CBC.0000"}`
	for _, coding := range []string{"br", "deflate", "zstd", "gzip, gzip", "gzip\r\nContent-Encoding: br", "compress"} {
		for status, outcomes := range map[int][2]string{200: {logfile.Succeeded, logfile.Unknown}, 206: {logfile.Succeeded, logfile.Unknown}, 400: {logfile.Failed, logfile.Failed}, 500: {logfile.Failed, logfile.Unknown}} {
			for i, request := range []string{look(), pay()} {
				f := start(t, fixed, answering(coded(status, coding, body, `ETag: "a"`)))
				got := f.send(t, request)
				if got.status != status || got.body != body || !strings.HasPrefix(coding, strings.Split(got.header.Get("Content-Encoding"), "\r")[0]) || got.header.Get("Etag") != `"a"` {
					t.Errorf("%s: answer %d %v %q", coding, got.status, got.header, got.body)
				}
				if r := f.log.only(t, logfile.KindOutcome); r.Outcome != outcomes[i] || r.ResultFrom != "status" || r.ErrorCode != "" {
					t.Errorf("%s, status %d: on record %+v, want %s", coding, status, r, outcomes[i])
				}
			}
		}
	}
	part := coded(206, "gzip", gzipped("{}")[:9], "Content-Range: bytes 0-8/22")
	f := start(t, fixed, answering(part))
	if got := f.send(t, look()); got.status != 206 || got.header.Get("Content-Encoding") != "gzip" || got.body != gzipped("{}")[:9] {
		t.Errorf("a part of gzip: answer %d %v %q", got.status, got.header, got.body)
	}
}

// The credential's security token is hidden in gzip, and what it cannot be looked for in is not passed on.
func TestCodingsHideNoToken(t *testing.T) {
	quoting := `{"error_msg":"` + securityToken + `"}`
	large := quoting + orders(20_000) + quoting
	for name, text := range map[string]string{"held": quoting, "streamed": large} {
		f := start(t, fixed, withToken, answering(coded(400, "gzip", gzipped(text))))
		if got := f.send(t, pay()); got.status != 400 || got.body != strings.ReplaceAll(text, securityToken, strings.Repeat("*", len(securityToken))) {
			t.Errorf("%s: answer %d of %d bytes", name, got.status, len(got.body))
		}
	}
	for _, coding := range []string{"br", "gzip, gzip"} {
		for name, text := range map[string]string{"held": gzipped(quoting), "streamed": large} {
			for _, request := range []string{look(), pay()} {
				f := start(t, fixed, withToken, answering(coded(400, coding, text, "X-Request-Id: req-1")))
				got := f.send(t, request)
				got.wantCode(t, "TG.7002")
				if r := f.log.only(t, logfile.KindOutcome); r.Outcome != logfile.Unknown || r.Status != 400 || r.RequestID != "req-1" {
					t.Errorf("%s, %s: on record %+v", coding, name, r)
				}
			}
		}
	}
	f := start(t, fixed, withToken, answering(coded(200, "br", "")))
	if got := f.send(t, look()); got.status != 200 {
		t.Errorf("without a body: answer %d %s", got.status, got.body)
	}
}

// An internal app's answer is between it and the caller.
func TestCodingsOfApps(t *testing.T) {
	for _, coding := range []string{"gzip", "br"} {
		body := gzipped("{}")
		f := start(t, fixed, answering(coded(200, coding, body, `ETag: "a"`)))
		got := f.send(t, plain("GET", "/app/x", "", "Accept-Encoding: gzip"))
		if got.body != body || got.header.Get("Content-Encoding") != coding || got.header.Get("Etag") != `"a"` {
			t.Errorf("answer %d %v %q", got.status, got.header, got.body)
		}
		if sent := f.origin.only(t); sent.value("Accept-Encoding") != "gzip" {
			t.Errorf("sent %q", sent)
		}
	}
}

// Where the upstream says nothing of the type, neither does the gateway.
func TestNoContentTypeIsMadeUp(t *testing.T) {
	large := strings.Repeat("<html>", 50_000)
	for _, request := range []string{look(), plain("GET", "/app/x", "")} {
		for _, body := range []string{"<html>", `{"a":1}`, large, ""} {
			f := start(t, fixed, answering(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)))
			if got := f.send(t, request); got.body != body || got.header["Content-Type"] != nil {
				t.Errorf("answer %v of %d bytes", got.header, len(got.body))
			}
		}
	}
}

// A redirect of an internal app, or the 304 of a cache that is still good, is what the app was asked for.
func TestOutcomesOfApps(t *testing.T) {
	for status, want := range map[int]string{200: logfile.Succeeded, 204: logfile.Succeeded, 302: logfile.Succeeded, 304: logfile.Succeeded, 399: logfile.Succeeded, 400: logfile.Failed, 500: logfile.Failed} {
		for _, body := range []string{"", "x", strings.Repeat("x", 200<<10)} {
			if body != "" && (status == http.StatusNoContent || status == http.StatusNotModified) {
				continue
			}
			for _, target := range []string{"/app/x", "/change/x"} {
				f := start(t, fixed, answering(fmt.Sprintf("HTTP/1.1 %d x\r\nLocation: /y\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)))
				got := f.send(t, plain("GET", target, ""))
				r := f.log.only(t, logfile.KindOutcome)
				if got.status != status || r.Outcome != want || !slices.Equal(got.header["Tollgate-Outcome"], []string{want}) {
					t.Errorf("status %d: answer %d %v, outcome %s, want %s", status, got.status, got.header, r.Outcome, want)
				}
			}
		}
	}
}
