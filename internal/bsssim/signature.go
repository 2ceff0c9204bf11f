package bsssim

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file checks signatures on a code path of its own, obvious rather than fast, so that a mistake in the gateway's
// signer cannot hide behind the same mistake here.

// The verdicts of [Call.Signature]; "" means that the check was not reached.
const (
	VerdictValid    = "valid"
	VerdictMissing  = "missing"  // no Authorization header
	VerdictScheme   = "scheme"   // not SDK-HMAC-SHA256, or malformed
	VerdictUnknown  = "unknown"  // no such access key
	VerdictLocked   = "locked"   // too many wrong signatures before
	VerdictDate     = "date"     // date missing, malformed or off by more than 15 minutes
	VerdictUnsigned = "unsigned" // UNSIGNED-PAYLOAD, not allowed here
	VerdictWrong    = "wrong"    // the signature does not fit the request
	VerdictToken    = "token"    // security token missing, wrong or not signed
	verdictFault    = "fault"    // refused because a fault said so
	dateLayout      = "20060102T150405Z"
	dateWindow      = 15 * time.Minute
	allowedFailures = 5
	lockTime        = 5 * time.Minute
)

// lock counts one access key's wrong signatures in a row.
type lock struct {
	failures int
	until    time.Time
}

// authorization is a parsed header value.
type authorization struct {
	access    string
	signed    []string
	signature string
}

func parseAuthorization(value string) (a authorization, ok bool) {
	rest, ok := strings.CutPrefix(value, "SDK-HMAC-SHA256 ")
	if !ok {
		return a, false
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, text, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Access":
			a.access = text
		case "SignedHeaders":
			a.signed = strings.Split(text, ";")
		case "Signature":
			a.signature = text
		default:
			return a, false
		}
	}
	return a, a.access != "" && len(a.signed) > 0 && a.signature != ""
}

// authenticate settles which account calls.
func (s *Server) authenticate(r *http.Request, call *Call) (*Account, string, *answer) {
	refuse := func(verdict, reason string) (*Account, string, *answer) {
		return nil, verdict, signatureError(reason)
	}
	values := r.Header.Values("Authorization")
	if len(values) == 0 && r.Header.Get("X-Auth-Token") != "" {
		return refuse(VerdictToken, "decrypt token fail") // there is no IAM here that could have issued it
	}
	if len(values) == 0 {
		return refuse(VerdictMissing, "x-auth-token not found")
	}
	a, wellFormed := parseAuthorization(values[0])
	if !wellFormed || len(values) > 1 {
		return refuse(VerdictScheme, "unsupported or malformed authorization")
	}
	account := s.accounts[a.access]
	if account == nil {
		return refuse(VerdictUnknown, "Get secretKey failed,ak:"+a.access+",err:ak not exist")
	}
	if s.locked(a.access) {
		return refuse(VerdictLocked, "AK access failed to reach the limit,forbidden")
	}
	if refusal := s.checkDate(r); refusal != nil {
		return nil, VerdictDate, refusal
	}
	if r.Header.Get("X-Sdk-Content-Sha256") == "UNSIGNED-PAYLOAD" && !s.config.AllowUnsignedPayload {
		return refuse(VerdictUnsigned, "the payload is not signed")
	}
	good := verify(r, call.whole, a, account.SecretKey)
	s.count(a.access, good)
	if !good {
		return refuse(VerdictWrong, "verify aksk signature fail")
	}
	if account.SecurityToken != "" &&
		(r.Header.Get("X-Security-Token") != account.SecurityToken || !slices.Contains(a.signed, "x-security-token")) {
		return refuse(VerdictToken, "decrypt token fail")
	}
	return account, VerdictValid, nil
}

func (s *Server) checkDate(r *http.Request) *answer {
	now := s.config.Clock().UTC()
	text := r.Header.Get("X-Sdk-Date")
	date, err := time.Parse(dateLayout, text)
	if err == nil && now.Sub(date).Abs() <= dateWindow {
		return nil
	}
	return gatewayError(http.StatusUnauthorized, "APIG.0303", fmt.Sprintf(
		"Incorrect app authentication information: signature expired, signature time:%.40s, server time:%s", text, now.Format(dateLayout)))
}

// locked reports whether the key is locked now. A lock that has run out resets the count.
func (s *Server) locked(access string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.locks[access]
	if l == nil || l.until.IsZero() {
		return false
	}
	if s.config.Clock().Before(l.until) {
		return true
	}
	delete(s.locks, access)
	return false
}

func (s *Server) count(access string, good bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if good {
		delete(s.locks, access)
		return
	}
	l := s.locks[access]
	if l == nil {
		l = new(lock)
		s.locks[access] = l
	}
	if l.failures++; l.failures > allowedFailures {
		l.until = s.config.Clock().Add(lockTime)
	}
}

// verify computes the signature that the request should carry and compares.
func verify(r *http.Request, body []byte, a authorization, secret string) bool {
	canonical, ok := canonicalRequest(r, body, a.signed)
	if !ok {
		return false
	}
	hash := sha256.Sum256([]byte(canonical))
	toSign := "SDK-HMAC-SHA256\n" + r.Header.Get("X-Sdk-Date") + "\n" + hex.EncodeToString(hash[:])
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(toSign))
	return hmac.Equal([]byte(hex.EncodeToString(mac.Sum(nil))), []byte(a.signature))
}

// canonicalRequest is the text that the signature covers: method, URI, query, header lines, names, hash of the body.
func canonicalRequest(r *http.Request, body []byte, signed []string) (text string, ok bool) {
	query, ok := canonicalQuery(r.URL.RawQuery)
	if !ok {
		return "", false
	}
	var headers strings.Builder
	for _, name := range signed {
		values := headerValues(r, name)
		if len(values) == 0 {
			return "", false
		}
		for _, value := range values {
			headers.WriteString(strings.ToLower(name) + ":" + strings.TrimSpace(value) + "\n")
		}
	}
	hash := sha256.Sum256(body)
	payload := hex.EncodeToString(hash[:])
	if given := r.Header.Get("X-Sdk-Content-Sha256"); given == "UNSIGNED-PAYLOAD" {
		payload = given // authenticate has decided whether that is allowed
	} else if given != "" && given != payload {
		return "", false
	}
	return strings.Join([]string{r.Method, canonicalURI(r.URL.Path), query, headers.String(), strings.Join(signed, ";"), payload}, "\n"), true
}

// headerValues returns the values of a signed header, sorted; the server keeps two of them out of the header map.
func headerValues(r *http.Request, name string) []string {
	switch strings.ToLower(name) {
	case "host":
		return []string{r.Host}
	case "content-length":
		return []string{strconv.FormatInt(r.ContentLength, 10)}
	}
	return slices.Sorted(slices.Values(r.Header.Values(name)))
}

// canonicalURI escapes the decoded path piece by piece and ends it with a slash.
func canonicalURI(path string) string {
	pieces := strings.Split(path, "/")
	for i, piece := range pieces {
		pieces[i] = escape(piece)
	}
	uri := strings.Join(pieces, "/")
	if !strings.HasSuffix(uri, "/") {
		uri += "/"
	}
	return uri
}

// canonicalQuery sorts pairs by raw name, then raw value, and escapes both.
func canonicalQuery(raw string) (text string, ok bool) {
	if raw == "" {
		return "", true
	}
	type pair struct{ name, value string }
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err != nil || err2 != nil {
			return "", false
		}
		pairs = append(pairs, pair{n, v})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
	var parts []string
	for _, p := range pairs {
		parts = append(parts, escape(p.name)+"="+escape(p.value))
	}
	return strings.Join(parts, "&"), true
}

// escape keeps RFC 3986 unreserved bytes and writes every other byte as % and two upper-case hex digits.
func escape(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
