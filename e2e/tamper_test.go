package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	bss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2/model"

	"tollgate/internal/bsssim"
	"tollgate/signing"
)

// TestTamperedRequestsAreRefused has someone between the SDK and the gateway change one thing of a signed request.
func TestTamperedRequestsAreRefused(t *testing.T) {
	order := func(c *bss.BssClient) error {
		_, err := c.ShowCustomerOrderDetails(&model.ShowCustomerOrderDetailsRequest{OrderId: "CS-1001", Limit: pointer(int32(10)), XLanguage: pointer("en_US")})
		return err
	}
	payFirst := func(c *bss.BssClient) error { return pay(c, "CS-1001") }
	shift := func(by time.Duration) func(*http.Request) {
		return func(r *http.Request) {
			date, err := signing.ParseDate(r.Header.Get("X-Sdk-Date"))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Sdk-Date", signing.FormatDate(date.Add(by)))
		}
	}
	for name, c := range map[string]struct {
		do     func(*bss.BssClient) error
		change func(*http.Request)
		code   string
	}{
		"path":               {order, func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "CS-1001", "CS-1002", 1) }, "TG.2006"},
		"query value":        {order, func(r *http.Request) { r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "limit=10", "limit=11", 1) }, "TG.2006"},
		"query added":        {order, func(r *http.Request) { r.URL.RawQuery += "&offset=1" }, "TG.2006"},
		"query removed":      {order, func(r *http.Request) { r.URL.RawQuery = "" }, "TG.2006"},
		"signed header":      {order, func(r *http.Request) { r.Header.Set("X-Language", "zh_CN") }, "TG.2006"},
		"account header":     {order, func(r *http.Request) { r.Header.Set("X-Domain-Id", "c-18") }, "TG.2006"},
		"header removed":     {order, func(r *http.Request) { r.Header.Del("X-Language") }, "TG.2006"},
		"body":               {payFirst, func(r *http.Request) { rewrite(r, "CS-1001", "CS-1002") }, "TG.2006"},
		"body's white space": {payFirst, func(r *http.Request) { rewrite(r, `{"`, `{ "`) }, "TG.2006"},
		"body removed":       {payFirst, func(r *http.Request) { setBody(r, nil) }, "TG.2006"},
		"date, by a second":  {payFirst, shift(time.Second), "TG.2006"},
		"date, by an hour":   {payFirst, shift(time.Hour), "TG.2005"},
		"signature":          {payFirst, func(r *http.Request) { flip(r) }, "TG.2006"},
		"access key":         {payFirst, func(r *http.Request) { replaceAuthorization(r, shopKey, officeKey) }, "TG.2006"},
		"unsigned payload": {payFirst, func(r *http.Request) {
			r.Header.Set("X-Sdk-Content-Sha256", signing.UnsignedPayload)
			rewrite(r, "CS-1001", "CS-1002")
		}, "TG.2006"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bsssim.Config{}).configure(standard)
			p := w.start()
			shop := w.shop(p).through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				before := wire(t, r)
				c.change(r)
				if bytes.Equal(before, wire(t, r)) {
					t.Fatal("the test changes nothing")
				}
				return next.RoundTrip(r)
			})
			refused(t, c.do(shop.bss(t)), http.StatusUnauthorized, c.code)
			if calls := w.simulator.Calls(); len(calls) != 0 {
				t.Errorf("it reached the provider: %+v", calls)
			}
		})
	}
}

// wire is a request in one text: request line, headers in order, body. The body stays readable.
func wire(t testing.TB, r *http.Request) []byte {
	t.Helper()
	var text bytes.Buffer
	fmt.Fprintln(&text, r.Method, r.URL)
	_ = r.Header.Write(&text)
	text.Write(readBody(t, r))
	return text.Bytes()
}

func readBody(t testing.TB, r *http.Request) []byte {
	t.Helper()
	if r.Body == nil {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	setBody(r, body)
	return body
}

func setBody(r *http.Request, body []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.GetBody = nil
}

func rewrite(r *http.Request, from, to string) {
	body, _ := io.ReadAll(r.Body)
	setBody(r, bytes.Replace(body, []byte(from), []byte(to), 1))
}

// flip changes the last digit of the signature.
func flip(r *http.Request) {
	text := r.Header.Get("Authorization")
	last := text[len(text)-1]
	digits := "0123456789abcdef"
	r.Header.Set("Authorization", text[:len(text)-1]+string(digits[(strings.IndexByte(digits, last)+1)%16]))
}

func replaceAuthorization(r *http.Request, from, to string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
}

// TestReplayIsRefused sends a captured payment again: at once, on another listener, and after a crash and a restart.
func TestReplayIsRefused(t *testing.T) {
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	var tapped tap
	if err := pay(w.shop(p).through(tapped.pass).bss(t), "CS-1001"); err != nil {
		t.Fatal(err)
	}
	captured := tapped.last()
	body := readBody(t, captured)
	replay := func(p *process, listener string) {
		t.Helper()
		r := captured.Clone(t.Context())
		setBody(r, body)
		r.URL.Scheme, r.URL.Host, r.Host = "http", p.address(listener), ""
		answer := send(t, &http.Transport{}, r)
		if answer.status != http.StatusConflict || answer.code != "TG.4003" {
			t.Errorf("the replay on listener %s is answered %d %s", listener, answer.status, answer.body)
		}
	}
	replay(p, "keys")
	replay(p, "plain")
	p.kill()
	p = w.start()
	replay(p, "keys")
	if n := len(arrived(w.simulator, "PayOrders")); n != 1 {
		t.Errorf("the provider saw %d payments", n)
	}
	p.stop()
}

// TestSDKSeesAReplay has a repeat below the SDK, as a retrying proxy would make it.
func TestSDKSeesAReplay(t *testing.T) {
	w := newWorld(t, bsssim.Config{}).configure(standard)
	p := w.start()
	twice := w.shop(p).through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		body := readBody(t, r)
		first, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_ = first.Body.Close()
		setBody(r, slices.Clone(body))
		return next.RoundTrip(r)
	})
	refused(t, pay(twice.bss(t), "CS-1001"), http.StatusConflict, "TG.4003")
	if n := len(arrived(w.simulator, "PayOrders")); n != 1 {
		t.Errorf("the provider saw %d payments", n)
	}
}
