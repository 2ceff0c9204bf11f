package signing_test

import (
	"fmt"
	"net/http"
	"time"

	"tollgate/internal/secret"
	"tollgate/signing"
)

func Example() {
	key := signing.SDK.NewKey("AKEXAMPLE0000000001", secret.New("SKexample+/=secret~0123456789abcdefghijk"))

	path, err := signing.ParsePath("/v2/products/service-types") // as it came over the wire
	if err != nil {
		fmt.Println(err)
		return
	}
	query, err := signing.ParseQuery("offset=0&limit=10")
	if err != nil {
		fmt.Println(err)
		return
	}
	request := signing.Request{
		Method:      "GET",
		Path:        signing.CanonicalPath(path),
		Query:       query.Canonical(),
		Headers:     []signing.Header{{Name: "host", Value: "bss.myhuaweicloud.com"}},
		PayloadHash: signing.EmptyHash,
	}
	added, err := key.Sign(time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), request, signing.Account{})
	if err != nil {
		fmt.Println(err)
		return
	}
	sent := http.Header{}
	for _, h := range added {
		fmt.Printf("%s: %s\n", h.Name, h.Value)
		sent.Set(h.Name, h.Value)
	}

	_, claim, err := signing.Known().ParseClaim(sent)
	if err != nil {
		fmt.Println(err)
		return
	}
	request.Headers, err = signing.SignedHeaders(sent, "bss.myhuaweicloud.com", claim.SignedHeaders)
	fmt.Println(err, key.Verify(request, &claim))

	// Output:
	// X-Sdk-Date: 20240102T030405Z
	// Authorization: SDK-HMAC-SHA256 Access=AKEXAMPLE0000000001, SignedHeaders=host;x-sdk-date, Signature=8017c80fc5df59de193906b00b6ce5536101d5037491a7c1755f2165254df02d
	// <nil> true
}
