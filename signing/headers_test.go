package signing

import (
	"errors"
	"net/http"
	"reflect"
	"testing"
)

func TestSignedHeaders(t *testing.T) {
	h := http.Header{
		"X-Sdk-Date": {"20240102T030405Z"}, "X-Domain-Id": {"d1"}, "User-Agent": {" a  b "}, "Content-Length": {"5"},
		"X-Twice": {"1", "2"}, "X-Empty": {""}, "X_trace": {"1"}, "X-Sdk-Content-Sha256": {"h"}, "X-Security-Token": {"t"}, "X-Project-Id": {"p"},
		"Host": {"evil.example"}, // net/http never leaves one here
	}
	names := []string{
		"content-length", "host", "user-agent", "x-domain-id", "x-empty", "x-project-id", "x-sdk-content-sha256", "x-sdk-date", "x-security-token", "x_trace",
	}
	got, err := SignedHeaders(h, "gw.corp.example:8443", names)
	want := []Header{
		{"content-length", "5"}, {"host", "gw.corp.example:8443"}, {"user-agent", " a  b "}, {"x-domain-id", "d1"}, {"x-empty", ""},
		{"x-project-id", "p"}, {"x-sdk-content-sha256", "h"}, {"x-sdk-date", "20240102T030405Z"}, {"x-security-token", "t"}, {"x_trace", "1"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("SignedHeaders = %+v, %v", got, err)
	}
	for name, host := range map[string]string{"x-missing": "h", "x-twice": "h", "host": "", "transfer-encoding": "h"} {
		got, err := SignedHeaders(h, host, []string{name})
		var header *HeaderError
		if !errors.As(err, &header) || header.Name != name || got != nil {
			t.Errorf("%s: %v, %v, want a HeaderError", name, got, err)
		}
	}
}

func TestPayloadHash(t *testing.T) {
	body := HashHex([]byte("hello"))
	for _, test := range []struct {
		headers []Header
		want    string
	}{
		{nil, body},
		{[]Header{{dateHeader, UnsignedPayload}}, body},
		{[]Header{{contentHashHeader, UnsignedPayload}}, UnsignedPayload},
		{[]Header{{contentHashHeader, body}}, body},
		{[]Header{{contentHashHeader, EmptyHash}}, ""},
		{[]Header{{contentHashHeader, ""}}, ""},
		{[]Header{{contentHashHeader, "unsigned-payload"}}, ""},
		{[]Header{{contentHashHeader, UnsignedPayload + " "}}, ""},
	} {
		got, err := PayloadHash(SDK, test.headers, body)
		var header *HeaderError
		if got != test.want || (err != nil) != (test.want == "") || err != nil && !errors.As(err, &header) {
			t.Errorf("PayloadHash(%v) = %q, %v, want %q", test.headers, got, err, test.want)
		}
	}
}

// TestFieldValues holds the quick look at eight bytes against the table, for every byte at every place.
func TestFieldValues(t *testing.T) {
	for length := range 18 {
		for place := range length {
			for c := range 256 {
				value := []byte("aaaaaaaaaaaaaaaaaaaaaaaa"[:length])
				value[place] = byte(c)
				if got, want := isFieldValue(string(value)), all(string(value), fieldValue); got != want {
					t.Fatalf("%q: %v, want %v", value, got, want)
				}
			}
		}
	}
}
