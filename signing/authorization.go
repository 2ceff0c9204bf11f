package signing

import (
	"net/http"
	"slices"
	"strings"
)

// ParseClaim reads Authorization, see "Authorization" in the package comment, and the date.
func (sdk) ParseClaim(header http.Header) (Claim, error) {
	c, err := parseAuthorization(header.Get(AuthorizationHeader))
	if err != nil {
		return Claim{}, err
	}
	c.Date, c.DateText, err = readDate(header[dateName])
	return c, err
}

func parseAuthorization(value string) (c Claim, err error) {
	_, rest, _ := strings.Cut(value, " ")
	params, err := splitParams(rest)
	if err != nil {
		return Claim{}, err
	}
	names, err := parseNames(params[1])
	switch {
	case !validKeyID(params[0]):
		return Claim{}, authorizationError("Access is not an access key: 1 to 128 of A-Z a-z 0-9 - _ .")
	case err != nil:
		return Claim{}, err
	case !validSignature(params[2]):
		return Claim{}, authorizationError("Signature must be 64 lower-case hex digits")
	}
	return Claim{AccessKey: params[0], SignedHeaders: names, Signature: params[2]}, nil
}

// splitParams returns the values of Access, SignedHeaders and Signature, each of which must occur once, in any order.
func splitParams(s string) (values [3]string, err error) {
	names := [...]string{"Access", "SignedHeaders", "Signature"}
	var seen [len(names)]bool
	for more := true; more; {
		var param string
		param, s, more = strings.Cut(s, ",")
		name, value, _ := strings.Cut(strings.TrimPrefix(param, " "), "=")
		i := slices.Index(names[:], name)
		switch {
		case i < 0:
			return values, authorizationError("parameters must be Access, SignedHeaders and Signature, separated by commas")
		case seen[i]:
			return values, authorizationError(name + " occurs twice")
		}
		values[i], seen[i] = value, true
	}
	for i, name := range names {
		if !seen[i] {
			return values, authorizationError(name + " is missing")
		}
	}
	return values, nil
}

func parseNames(list string) ([]string, error) {
	if strings.Count(list, ";") >= maxHeaders {
		return nil, authorizationError("SignedHeaders has more than 64 names")
	}
	names := strings.Split(list, ";")
	for i, name := range names {
		switch {
		case name == "" || !all(name, lowerToken):
			return nil, authorizationError("SignedHeaders must be lower-case header names, separated by semicolons")
		case i > 0 && name == names[i-1]:
			return nil, authorizationError("SignedHeaders names a header twice")
		case i > 0 && name < names[i-1]:
			return nil, authorizationError("SignedHeaders is not sorted")
		}
	}
	if !slices.Contains(names, dateHeader) {
		return nil, authorizationError("SignedHeaders does not contain x-sdk-date")
	}
	return names, nil
}
