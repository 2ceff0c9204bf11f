package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/request"
)

const maxBody = 12 << 20

// signing signs calls in the last moment, when their headers are not changed any more.
type signing struct {
	next      http.RoundTripper
	target    *url.URL
	accessKey string
	secretKey string
}

// RoundTrip signs and sends. The request is the proxy's own, so it may be changed.
func (s *signing) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := read(r)
	if err != nil {
		return nil, err
	}
	b := request.NewHttpRequestBuilder().WithEndpoint(s.target.String()).WithMethod(r.Method).WithPath(r.URL.Path).WithBody("", body)
	for name, values := range r.URL.Query() {
		b.AddQueryParam(name, reflect.ValueOf(values))
	}
	b.AddHeaderParam("Host", s.target.Host)
	if contentType := r.Header.Get("Content-Type"); contentType != "" {
		b.AddHeaderParam("Content-Type", contentType)
	}
	added, err := signer.Sign(b.Build(), s.accessKey, s.secretKey)
	if err != nil {
		return nil, err
	}
	for name, value := range added {
		r.Header.Set(name, value)
	}
	return s.next.RoundTrip(r)
}

// read replaces the body by one from memory. The SDK's signer wants a string.
func read(r *http.Request) (string, error) {
	if r.Body == nil || r.ContentLength == 0 {
		return "", nil
	}
	if r.ContentLength < 0 || r.ContentLength > maxBody {
		return "", fmt.Errorf("a body of %d bytes", r.ContentLength)
	}
	var text strings.Builder
	text.Grow(int(r.ContentLength))
	if _, err := io.CopyN(&text, r.Body, r.ContentLength); err != nil {
		return "", err
	}
	_ = r.Body.Close() // read to its end
	r.Body = io.NopCloser(strings.NewReader(text.String()))
	return text.String(), nil
}
