package e2e

import (
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"tollgate/catalog"
)

// part changes one byte of a part of a signed request, so that it means something else, and returns the codes with which that
// may be refused; none if the request has no such part.
type part func(r *http.Request, site string, random *rand.Rand) (codes []string)

var parts = map[string]part{
	"path": changePath, "query": changeQuery, "header": changeHeader, "body": changeBody, "date": changeDate, "signature": changeSignature,
}

const (
	plainBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	markBytes  = "-._~!$&'()*+,;=:@/?[]{}|^`<>\"\\%"
	badForgery = "TG.2006" // the signature does not fit
)

// anotherByte puts a byte of the alphabet into a text, in the place of another.
func anotherByte(random *rand.Rand, text, alphabet string, at int) string {
	for {
		if b := alphabet[random.IntN(len(alphabet))]; b != text[at] {
			return text[:at] + string(b) + text[at+1:]
		}
	}
}

// changePath leaves the slash at the beginning, without which no client sends a request.
func changePath(r *http.Request, site string, random *rand.Rand) []string {
	old := r.URL.EscapedPath()
	for {
		changed := anotherByte(random, old, plainBytes+markBytes, 1+random.IntN(len(old)-1))
		path, err := url.PathUnescape(changed)
		if path == r.URL.Path || err != nil || strings.HasPrefix(changed, "//") {
			continue // written in another way, refused before there is a request, or sent by the HTTP client as a URL with a host
		}
		r.URL.Opaque = changed
		if isPlain(path) && isServed(site, r.Method, path) {
			return []string{badForgery}
		}
		return []string{badForgery, "TG.1002", "TG.1003", "TG.4001"}
	}
}

// isPlain reports whether no reader would find a path ambiguous.
func isPlain(path string) bool {
	return strings.Trim(path, plainBytes+"/-._~ @+中") == "" && !strings.Contains(path, "//") && !strings.Contains(path, "/.") && !strings.HasSuffix(path, "/")
}

func isServed(site, method, path string) bool {
	router, err := catalog.NewRouter(catalog.Operations(site))
	if err != nil {
		return false
	}
	_, _, known := router.Match(method, path)
	return known
}

func changeQuery(r *http.Request, _ string, random *rand.Rand) []string {
	old := r.URL.RawQuery
	if old == "" {
		return nil
	}
	meant, _ := url.ParseQuery(old)
	for {
		at := random.IntN(len(old))
		changed := anotherByte(random, old, plainBytes+markBytes, at)
		now, err := url.ParseQuery(changed)
		if err == nil && reflect.DeepEqual(inOrder(meant), inOrder(now)) {
			continue // the same, written in another way
		}
		r.URL.RawQuery = changed
		if strings.Contains(plainBytes, changed[at:at+1]) && !strings.Contains(changed[max(0, at-2):at+1], "%") && old[at] != '%' {
			return []string{badForgery}
		}
		return []string{badForgery, "TG.1003"}
	}
}

// inOrder has the values of each name in order, in which they are signed.
func inOrder(query url.Values) url.Values {
	query = maps.Clone(query)
	for name, values := range query {
		query[name] = slices.Sorted(slices.Values(values))
	}
	return query
}

func changeHeader(r *http.Request, _ string, random *rand.Rand) []string {
	claim, err := parseClaim(r.Header)
	names := slices.DeleteFunc(claim.signed, func(name string) bool { return name == "x-sdk-date" })
	if err != nil || len(names) == 0 {
		return nil
	}
	name := names[random.IntN(len(names))]
	old := r.Header.Get(name)
	r.Header.Set(name, anotherByte(random, old, plainBytes+markBytes, random.IntN(len(old))))
	return []string{badForgery}
}

func changeBody(r *http.Request, _ string, random *rand.Rand) []string {
	if r.ContentLength == 0 || r.Header.Get("X-Sdk-Content-Sha256") == "UNSIGNED-PAYLOAD" {
		return nil
	}
	body, err := drain(r)
	if err != nil {
		return nil
	}
	body[random.IntN(len(body))] ^= byte(1 + random.IntN(255))
	setBody(r, body)
	return []string{badForgery}
}

const dateHeader = "X-Sdk-Date"

// changeDate draws again where the clock would have to decide whether the date is still inside the window.
func changeDate(r *http.Request, _ string, random *rand.Rand) []string {
	old := r.Header.Get(dateHeader)
	for {
		changed := anotherByte(random, old, plainBytes+markBytes, random.IntN(len(old)))
		r.Header.Set(dateHeader, changed)
		date, err := time.Parse("20060102T150405Z", changed)
		off := time.Since(date).Abs()
		switch {
		case err != nil || off > 17*time.Minute:
			return []string{"TG.2005"}
		case off < 13*time.Minute:
			return []string{badForgery}
		}
	}
}

func changeSignature(r *http.Request, _ string, random *rand.Rand) []string {
	old := r.Header.Get("Authorization")
	at := len(old) - 1 - random.IntN(64)
	r.Header.Set("Authorization", anotherByte(random, old, "0123456789abcdef", at))
	return []string{badForgery}
}
