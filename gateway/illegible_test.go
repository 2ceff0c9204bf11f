package gateway_test

import (
	"strings"
	"testing"
	"time"

	"tollgate/audit/logfile"
	"tollgate/catalog"
	"tollgate/credential"
	"tollgate/internal/secret"
)

const rejectionBody = `{"error_code":"APIG.0301","error_msg":"Incorrect IAM authentication information: verify aksk signature fail"}`

// A 401 in which no code can be looked for pauses like one with the code: otherwise all calls go on until the key is locked.
func TestIllegible401PausesTheCredential(t *testing.T) {
	const empty = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
	head, declared := plain("HEAD", "/echo/x", ""), plain("GET", "/echo/x", "")
	for name, tt := range map[string]struct {
		request, answer, credential string
		pauses                      bool
	}{
		"HEAD":                 {head, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 110\r\n\r\n", "partner-main", true},
		"HEAD, no length":      {head, "HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n", "partner-main", true},
		"HEAD, gzip":           {head, "HTTP/1.1 401 Unauthorized\r\nContent-Encoding: gzip\r\nContent-Length: 110\r\n\r\n", "partner-main", true},
		"HEAD, no body":        {head, empty, "partner-main", false},
		"declared, no body":    {declared, empty, "partner-main", false},
		"declared, br":         {declared, coded(401, "br", "xxxx"), "partner-main", true},
		"declared, bad gzip":   {declared, coded(401, "gzip", "xxxx"), "partner-main", true},
		"no body":              {look(), empty, "acme", true},
		"br":                   {look(), coded(401, "br", "xxxx"), "acme", true},
		"br, large":            {look(), coded(401, "br", strings.Repeat("x", 100<<10)), "acme", true},
		"deflate":              {look(), coded(401, "deflate", "xxxx"), "acme", true},
		"gzip, gzip":           {look(), coded(401, "gzip, gzip", gzipped(gzipped(rejectionBody))), "acme", true},
		"gzip named, not done": {look(), coded(401, "gzip", rejectionBody), "acme", true},
		"gzip, zero padded":    {look(), coded(401, "gzip", gzipped(rejectionBody)+"\x00\x00"), "acme", true},
		"gzip, cut":            {look(), coded(401, "gzip", gzipped(rejectionBody)[:20]), "acme", true},
		"another status":       {look(), coded(403, "br", "xxxx"), "acme", false},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t, fixed, answering(tt.answer))
			first := f.exchange(t, tt.request)
			f.exchange(t, tt.request)
			if _, paused := f.credentials[tt.credential].Paused(); paused != tt.pauses || (first.status == 503) != tt.pauses {
				t.Errorf("paused: %v, want %v; answer %d", paused, tt.pauses, first.status)
			}
			if sent := f.history.count("upstream first byte"); (sent == 1) != tt.pauses {
				t.Errorf("%d calls were sent", sent)
			}
			if r := f.log.of(logfile.KindOutcome)[0]; r.Outcome != logfile.Failed || tt.pauses && r.Reason != "credential_paused" {
				t.Errorf("on record: %+v", r)
			}
		})
	}
}

// A 401 that breaks off, too, says that the call was not executed; a payment stays unknown, since the body that is missing would
// show whose answer it is. The key is paused all the same.
func TestBroken401(t *testing.T) {
	cut := "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 200\r\n\r\n" + rejectionBody
	for name, answer := range map[string]string{"gzip": coded(401, "gzip", rejectionBody), "cut": cut} {
		for _, tt := range []struct{ request, code, outcome string }{
			{look(), "TG.6004", logfile.Failed}, {pay(), "TG.7002", logfile.Unknown},
		} {
			f := start(t, fixed)
			f.origin.set(breaking(answer), nil)
			f.send(t, tt.request).wantCode(t, tt.code)
			if r := f.log.only(t, logfile.KindOutcome); r.Outcome != tt.outcome || r.Status != 401 {
				t.Errorf("%s: on record %+v", name, r)
			}
			if _, paused := f.credentials["acme"].Paused(); !paused {
				t.Errorf("%s: not paused after %s", name, tt.code)
			}
		}
	}
}

// The keys are read again after a 401 without a code that can be read.
func TestKeysAreReadAgainForAnIllegible401(t *testing.T) {
	accessKey := "AK-OLD"
	c := signer(credential.Facts{Name: "acme", Upstream: "bss", Class: catalog.ClassCustomer, DomainID: customerAccount, Kinds: []catalog.Kind{catalog.KindEnterpriseMaster}}, func() (credential.Keys, error) {
		return credential.Keys{AccessKey: accessKey, SecretKey: secret.New("sk-of-" + accessKey + "-0123456789")}, nil
	})
	f := start(t, fixed, func(f *fixture) { f.credentials["acme"] = c }, answering(coded(401, "br", "xxxx")))
	f.send(t, look()).wantCode(t, "TG.6004")
	accessKey = "AK-NEW"
	now := time.Now()
	c.Poll(now)
	c.Poll(now.Add(1500 * time.Millisecond))
	f.origin.set(saying(okAnswer), nil)
	if got := f.send(t, look()); got.status != 200 {
		t.Errorf("with the new key: answer %d %s", got.status, got.body)
	}
}

// A trial ends with an answer from behind the check of signatures, and not with one of a server that did not look at them.
func TestWhatEndsATrial(t *testing.T) {
	for answer, ends := range map[string]bool{
		jsonAnswer(404, `{"error_code":"APIG.0101","error_msg":"The API does not exist"}`):   false,
		jsonAnswer(400, `{"error_code":"APIG.0106","error_msg":"Orchestration error"}`):      false,
		jsonAnswer(413, `{"error_code":"APIG.0201","error_msg":"Request entity too large"}`): false,
		jsonAnswer(405, `<html>nginx</html>`):                                                false,
		jsonAnswer(404, `{"error_code":"EPS.0003"}`):                                         true,
		jsonAnswer(403, `{"error_code":"CBC.0151"}`):                                         true,
		okAnswer: true,
	} {
		f := start(t, fixed, answering(answer))
		f.send(t, plain("GET", "/echo/nowhere", ""))
		if _, on := f.credentials["partner-main"].OnTrial(); on == ends {
			t.Errorf("on trial: %v after %.160s", on, answer)
		}
	}
}

// A caller cannot have a key paused by writing the code into a path, a query or a body that servers repeat in answers of their own.
func TestRepeatedWordsPauseNothing(t *testing.T) {
	for name, tt := range map[string]struct{ request, answer string }{
		"path in JSON": {plain("GET", "/echo/APIG.0301", ""), `{"timestamp":"x","status":401,"error":"Unauthorized","path":"/echo/APIG.0301"}`},
		"in a message": {plain("GET", "/echo/APIG%2e0301", ""), `{"status":401,"message":"no right to /echo/APIG.0301"}`},
		"in a text":    {plain("GET", "/echo/APIG.0301", ""), `<html>401 for /echo/APIG.0301</html>`},
		"plain query":  {plain("GET", "/echo/x?q=%41PIG.0301", ""), `401 for q=APIG.0301`},
		"body":         {plain("POST", "/echo/a/b", `{"code":"APIG.0301"}`), `{"code":"X.1","data":{"request":{"code":"APIG.0301"}}}`},
	} {
		f := start(t, fixed, answering(okAnswer))
		f.send(t, plain("GET", "/echo/x", ""))
		f.origin.set(saying(jsonAnswer(401, tt.answer)), nil)
		for range 2 {
			if got := f.send(t, tt.request); got.status != 401 || got.body != tt.answer {
				t.Errorf("%s: answer %d %s", name, got.status, got.body)
			}
		}
		if p := f.credentials["partner-main"].Pauses(); len(p) > 0 {
			t.Errorf("%s: paused %v", name, p)
		}
	}
}

// Nor can it hide that a key was rejected by writing words of other causes there.
func TestRepeatedWordsHideNoRejection(t *testing.T) {
	for request, text := range map[string]string{
		plain("GET", "/echo/signature%20expired", ""):    "/echo/signature expired",
		plain("GET", "/echo/x?q=signature+expired", ""):  "q=signature expired",
		plain("GET", "/echo/x?q=frozen", ""):             "q=frozen",
		plain("POST", "/echo/a/b", `{"a":"in arrears"}`): "in arrears",
	} {
		f := start(t, fixed, answering(rejection("APIG.0301", "ak AKOLD not exist, "+text)))
		f.send(t, request).wantCode(t, "TG.6004")
		if _, paused := f.credentials["partner-main"].Paused(); !paused {
			t.Errorf("not paused: %s", text)
		}
	}
}
