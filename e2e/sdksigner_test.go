package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	_ "unsafe" // for linkname

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer"
	sdkrequest "github.com/huaweicloud/huaweicloud-sdk-go-v3/core/request"
)

// The SDK's signer chooses by itself what to sign, and never chooses Content-Type, which the gateway signs as the
// provider's other SDKs do. Its canonical forms take any list, but are not exported.

//go:linkname sdkCanonicalURI github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer.canonicalURI
func sdkCanonicalURI(*sdkrequest.DefaultHttpRequest) string

//go:linkname sdkCanonicalQuery github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer.canonicalQueryString
func sdkCanonicalQuery(*sdkrequest.DefaultHttpRequest) string

//go:linkname sdkCanonicalHeaders github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/signer.canonicalHeaders
func sdkCanonicalHeaders(*sdkrequest.DefaultHttpRequest, []string) string

const scheme = "SDK-HMAC-SHA256"

// claim is what an Authorization header says.
type claim struct {
	accessKey string
	signed    []string // names of headers
	signature string
}

func parseClaim(header http.Header) (claim, error) {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return claim{}, fmt.Errorf("%d Authorization headers", len(values))
	}
	parameters, isOurs := strings.CutPrefix(values[0], scheme+" Access=")
	accessKey, rest, hasList := strings.Cut(parameters, ", SignedHeaders=")
	list, signature, hasSignature := strings.Cut(rest, ", Signature=")
	signed := strings.Split(list, ";")
	if !isOurs || !hasList || !hasSignature || !slices.IsSorted(signed) {
		return claim{}, errors.New("the Authorization header does not look like the SDK's")
	}
	return claim{accessKey, signed, signature}, nil
}

// canonical is a request in the forms that are signed.
type canonical struct {
	method, uri, query, headers string
	signed                      []string
	payload                     string // hash of the body, or what stands for it
	sdk                         *sdkrequest.DefaultHttpRequest
}

// canonical brings what arrived into the SDK's forms.
func (a *arrival) canonical(signed []string) (*canonical, error) {
	path, err := url.PathUnescape(a.path())
	if err != nil {
		return nil, err
	}
	query, err := url.ParseQuery(a.query())
	if err != nil {
		return nil, err
	}
	b := sdkrequest.NewHttpRequestBuilder().WithEndpoint("https://"+a.host).WithMethod(a.method).WithPath(path).WithBody("", string(a.body))
	for name, values := range query {
		b.AddQueryParam(name, reflect.ValueOf(values))
	}
	for name, values := range a.header {
		if slices.Contains(signed, strings.ToLower(name)) {
			b.AddHeaderParam(name, strings.Join(values, "|"))
		}
	}
	if slices.Contains(signed, "host") {
		b.AddHeaderParam("Host", a.host)
	}
	return newCanonical(b.Build(), signed, payloadOf(a.header, a.body)), nil
}

func newCanonical(r *sdkrequest.DefaultHttpRequest, signed []string, payload string) *canonical {
	return &canonical{r.GetMethod(), sdkCanonicalURI(r), sdkCanonicalQuery(r), sdkCanonicalHeaders(r, signed), signed, payload, r}
}

func payloadOf(header http.Header, body []byte) string {
	if stated := header.Get("X-Sdk-Content-Sha256"); stated != "" {
		return stated
	}
	return hashHex(string(body))
}

func hashHex(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}

// sign returns the signature. Where the SDK's own choice of headers is the same, its signer has the last word.
func (c *canonical) sign(secretKey string) (string, error) {
	text := strings.Join([]string{c.method, c.uri, c.query, c.headers, strings.Join(c.signed, ";"), c.payload}, "\n")
	mac := hmac.New(sha256.New, []byte(secretKey))
	fmt.Fprintf(mac, "%s\n%s\n%s", scheme, c.sdk.GetHeaderParams()["X-Sdk-Date"], hashHex(text))
	signature := hex.EncodeToString(mac.Sum(nil))
	if slices.Contains(c.signed, "content-type") {
		return signature, nil
	}
	whole, err := signer.Sign(c.sdk, "any", secretKey)
	if err != nil {
		return "", err
	}
	if _, theirs, _ := strings.Cut(whole["Authorization"], "Signature="); theirs != signature {
		return theirs, nil
	}
	return signature, nil
}
