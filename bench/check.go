package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// selfCheck makes one call of a kind through a proxy and looks at what reaches the upstream: the call as the caller made
// it, once, with a good signature if the proxy says that it signs.
func (w *world) selfCheck(address string, p proxy, t task) error {
	var arrived int
	var found error
	check := checker(func(head, body []byte) {
		arrived++
		found = errors.Join(found, inspect(head, body, t.request, p.signs))
	})
	w.upstream.check.Store(&check)
	defer w.upstream.check.Store(nil)
	c, err := w.open(address, t)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.call(); err != nil {
		return err
	}
	if arrived != 1 {
		return fmt.Errorf("%d calls reached the upstream instead of one", arrived)
	}
	return found
}

func inspect(head, body []byte, want request, signed bool) error {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return err
	}
	if r.Method != want.method || r.URL.RequestURI() != want.path || !sameBody(body, want.body) {
		return fmt.Errorf("%s %s with %d bytes reached the upstream", r.Method, r.URL, len(body))
	}
	if !signed {
		return nil
	}
	return verify(r, body)
}

// sameBody reports whether a body is that of a request, but for the digits of its order's id.
func sameBody(got, want []byte) bool {
	if at := bytes.Index(want, []byte(orderID)); at >= 0 && len(got) == len(want) {
		got = slices.Concat(got[:at], []byte(orderID), got[at+len(orderID):])
	}
	return bytes.Equal(got, want)
}

// verify recomputes the signature of what arrived, for the headers that it names, and compares. This is a second way
// to write down the scheme: paths and queries are in their canonical form here, or the signature is wrong.
func verify(r *http.Request, body []byte) error {
	got := r.Header.Get("Authorization")
	_, rest, _ := strings.Cut(got, "SignedHeaders=")
	names, _, found := strings.Cut(rest, ",")
	if !found {
		return fmt.Errorf("no signature: Authorization %q", got)
	}
	var headers strings.Builder
	for name := range strings.SplitSeq(names, ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		headers.WriteString(name + ":" + value + "\n")
	}
	canonical := strings.Join([]string{r.Method, r.URL.Path + "/", r.URL.RawQuery, headers.String(), names, hexHash(body)}, "\n")
	date := r.Header.Get("X-Sdk-Date")
	mac := hmac.New(sha256.New, []byte(secretKey))
	mac.Write([]byte("SDK-HMAC-SHA256\n" + date + "\n" + hexHash([]byte(canonical))))
	want := fmt.Sprintf("SDK-HMAC-SHA256 Access=%s, SignedHeaders=%s, Signature=%x", accessKey, names, mac.Sum(nil))
	if got != want {
		return fmt.Errorf("a wrong signature: %q, should be %q", got, want)
	}
	return recent(date)
}

func hexHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// recent refuses dates that the provider would: a signature that was made once for all calls is no signature.
func recent(date string) error {
	t, err := time.Parse("20060102T150405Z", date)
	if err != nil {
		return err
	}
	if age := time.Since(t).Abs(); age > 5*time.Second {
		return fmt.Errorf("signed with the date of %s ago", age)
	}
	return nil
}
