package signing_test

import (
	"fmt"

	"tollgate/internal/secret"
	"tollgate/signing"
)

func Example() {
	key := signing.NewKey("AKEXAMPLE0000000001", secret.New("SKexample+/=secret~0123456789abcdefghijk"))

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
	request := &signing.Request{
		Method: "GET",
		Path:   signing.CanonicalPath(path),
		Query:  query.Canonical(),
		Headers: []signing.Header{
			{Name: "host", Value: "bss.myhuaweicloud.com"},
			{Name: signing.DateHeader, Value: "20240102T030405Z"},
		},
		PayloadHash: signing.EmptyHash,
	}
	header, err := key.Sign(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(header)

	authorization, err := signing.ParseAuthorization(header)
	fmt.Println(err, key.Verify(request, authorization.Signature))

	// Output:
	// SDK-HMAC-SHA256 Access=AKEXAMPLE0000000001, SignedHeaders=host;x-sdk-date, Signature=8017c80fc5df59de193906b00b6ce5536101d5037491a7c1755f2165254df02d
	// <nil> true
}
