package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/sdkerr"
	bss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2/model"

	"tollgate/internal/bsssim"
)

// TestChangedBytesAreRefused has someone between the SDK and the gateway change one byte of a signed request: any byte of
// path, query, signed headers, body, date and signature, of any of the examples, over both protocols.
func TestChangedBytesAreRefused(t *testing.T) {
	t.Parallel()
	w, p := twoSites(t)
	rounds := 1
	if soaking() {
		rounds = 100
	}
	random := rand.New(rand.NewPCG(seed(t), 1))
	transports := []*http.Transport{w.transport(p.address("https")), w.transport(p.address("https"))}
	transports[1].ForceAttemptHTTP2 = false
	tried := map[string]int{}
	for range rounds {
		for i := range examples {
			for _, name := range slices.Sorted(maps.Keys(parts)) { // always in one order, or no seed would replay
				app := examples[i].by(w, p)
				app.transport = transports[random.IntN(2)]
				if examples[i].tamper(t, app, name, random) {
					tried[name]++
				}
			}
		}
	}
	for name := range parts {
		if tried[name] < rounds*len(examples)/5 {
			t.Errorf("only %d requests had a %s to change: the test says little", tried[name], name)
		}
	}
	if n := len(w.witness.arrivals()); n != 0 {
		t.Errorf("%d changed requests reached the provider, the first is %v", n, w.witness.arrivals()[0])
	}
	balance(t, w.shop(p).bss(t)) // the caller itself is not locked out by what others did with its name
	p.stop()
}

// tamper makes one call with one byte changed. It returns false if the request has no such part.
func (e *example) tamper(t testing.TB, app *application, name string, random *rand.Rand) (tampered bool) {
	t.Helper()
	var codes []string
	var change string
	_, err := e.do(app.of(e.site).through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		before := wire(t, r)
		if codes = parts[name](r, e.site, random); codes == nil {
			return nil, errUntouched
		}
		change = difference(before, wire(t, r))
		return next.RoundTrip(r)
	}).session(t))
	if errors.Is(err, errUntouched) {
		return false
	}
	var refusal *sdkerr.ServiceResponseError
	if !errors.As(err, &refusal) || !slices.Contains(codes, refusal.ErrorCode) || refusal.ErrorMessage == "" {
		t.Errorf("%s with its %s changed, %s: the SDK says %v, want one of %v", e, name, change, err, codes)
	}
	return true
}

var errUntouched = errors.New("there is nothing to change")

// TestTamperedRequestsAreRefused has more than one byte changed, added or taken away.
func TestTamperedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bsssim.Config{}).configure(standard + unlimited)
	p := w.start()
	order := func(c *bss.BssClient) error {
		_, err := c.ShowCustomerOrderDetails(&model.ShowCustomerOrderDetailsRequest{OrderId: "CS-1001", Limit: pointer(int32(10)), XLanguage: pointer("en_US")})
		return err
	}
	payFirst := func(c *bss.BssClient) error { return pay(c, "CS-1001") }
	for name, c := range map[string]struct {
		do     func(*bss.BssClient) error
		change func(*http.Request)
	}{
		"query added":        {order, func(r *http.Request) { r.URL.RawQuery += "&offset=1" }},
		"query removed":      {order, func(r *http.Request) { r.URL.RawQuery = "" }},
		"header added":       {order, func(r *http.Request) { r.Header.Add("X-Language", "en_US") }},
		"header removed":     {order, func(r *http.Request) { r.Header.Del("X-Language") }},
		"body's white space": {payFirst, func(r *http.Request) { rewrite(r, `{"`, `{ "`) }},
		"body removed":       {payFirst, func(r *http.Request) { setBody(r, nil) }},
		"access key":         {payFirst, func(r *http.Request) { replaceAuthorization(r, shopKey, officeKey) }},
		"unsigned payload": {payFirst, func(r *http.Request) {
			r.Header.Set("X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD")
			rewrite(r, "CS-1001", "CS-1002")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			shop := w.shop(p).through(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				before := wire(t, r)
				c.change(r)
				if bytes.Equal(before, wire(t, r)) {
					t.Fatal("the test changes nothing")
				}
				return next.RoundTrip(r)
			})
			refused(t, c.do(shop.bss(t)), http.StatusUnauthorized, "TG.2006")
		})
	}
	if calls := w.simulator.Calls(); len(calls) != 0 {
		t.Errorf("they reached the provider: %+v", calls)
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

// difference shows the first bytes that two texts do not share.
func difference(before, after []byte) string {
	i := 0
	for i < min(len(before), len(after))-1 && before[i] == after[i] {
		i++
	}
	from := max(0, i-20)
	return fmt.Sprintf("%q to %q", before[from:min(i+20, len(before))], after[from:min(i+20, len(after))])
}

func readBody(t testing.TB, r *http.Request) []byte {
	t.Helper()
	if r.Body == nil {
		return nil
	}
	body, err := drain(r)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// drain reads a body and puts it back.
func drain(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	setBody(r, body)
	return bytes.Clone(body), err
}

func setBody(r *http.Request, body []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.GetBody = nil
}

func rewrite(r *http.Request, from, to string) {
	body, _ := io.ReadAll(r.Body)
	setBody(r, bytes.Replace(body, []byte(from), []byte(to), 1))
}

func replaceAuthorization(r *http.Request, from, to string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
}

// TestReplayIsRefused sends a captured payment again: at once, on another listener, and after a crash and a restart.
func TestReplayIsRefused(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
