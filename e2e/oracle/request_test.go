package oracle

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/request"

	"tollgate/signing"
)

// The keys of both signers.
const (
	accessKey = "ORACLEKEY0001"
	secretKey = "an-oracle's-secret/with+signs=and 中文"
)

// sample is a call as an application describes it to the SDK.
type sample struct {
	method  string
	path    string              // decoded
	query   map[string][]string // decoded; names are not empty
	headers map[string]string
	body    string
}

func (s sample) String() string {
	return fmt.Sprintf("%s %q query %q headers %q body %q", s.method, s.path, s.query, s.headers, s.body)
}

// sign has the SDK sign the sample, and returns the signature and the request as a server receives it.
func (s sample) sign(t testing.TB) (authorization string, received *http.Request, body []byte) {
	t.Helper()
	b := request.NewHttpRequestBuilder().WithEndpoint("https://gateway.example:8443").WithMethod(s.method).WithPath(s.path).WithBody("", s.body)
	for name, values := range s.query {
		b.AddQueryParam(name, reflect.ValueOf(values))
	}
	for name, value := range s.headers {
		b.AddHeaderParam(name, value)
	}
	r := b.Build()
	added, err := signer.Sign(r, accessKey, secretKey)
	if err != nil {
		t.Fatalf("the SDK does not sign %v: %v", s, err)
	}
	for name, value := range added {
		r.AddHeaderParam(name, value)
	}
	wire, err := r.ConvertRequest()
	if err != nil {
		t.Fatalf("the SDK does not convert %v: %v", s, err)
	}
	return added["Authorization"], overTheWire(t, wire), []byte(s.body)
}

// overTheWire writes and reads a request as client and server of net/http do.
func overTheWire(t testing.TB, r *http.Request) *http.Request {
	t.Helper()
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatalf("writing the request: %v", err)
	}
	received, err := http.ReadRequest(bufio.NewReader(&wire))
	if err != nil {
		t.Fatalf("reading the request: %v", err)
	}
	return received
}

// read does what the gateway does with a received request, up to the request that was signed.
func read(received *http.Request, body []byte) (signing.Request, signing.Claim, error) {
	rawPath, rawQuery := received.RequestURI, ""
	if u, err := url.ParseRequestURI(received.RequestURI); err == nil {
		rawPath, rawQuery = u.EscapedPath(), u.RawQuery
	}
	path, err := signing.ParsePath(rawPath)
	if err != nil {
		return signing.Request{}, signing.Claim{}, fmt.Errorf("path: %w", err)
	}
	query, err := signing.ParseQuery(rawQuery)
	if err != nil {
		return signing.Request{}, signing.Claim{}, fmt.Errorf("query: %w", err)
	}
	scheme, claim, err := signing.Known().ParseClaim(received.Header)
	if err != nil {
		return signing.Request{}, claim, fmt.Errorf("authorization: %w", err)
	}
	headers, err := signing.SignedHeaders(received.Header, received.Host, claim.SignedHeaders)
	if err != nil {
		return signing.Request{}, claim, fmt.Errorf("headers: %w", err)
	}
	hash, err := signing.PayloadHash(scheme, headers, signing.HashHex(body))
	return signing.Request{
		Method: received.Method, Path: signing.CanonicalPath(path), Query: query.Canonical(), Headers: headers, PayloadHash: hash,
	}, claim, err
}

// sorted returns the names of a map in order, so that a failing sample prints the same each time.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
