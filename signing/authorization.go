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
		return Claim{}, authorizationError("error.authorization.access")
	case err != nil:
		return Claim{}, err
	case !validSignature(params[2]):
		return Claim{}, authorizationError("error.authorization.signature")
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
			return values, authorizationError("error.authorization.parameters")
		case seen[i]:
			return values, authorizationError("error.authorization.parameter_twice", "Name", name)
		}
		values[i], seen[i] = value, true
	}
	for i, name := range names {
		if !seen[i] {
			return values, authorizationError("error.authorization.parameter_missing", "Name", name)
		}
	}
	return values, nil
}

func parseNames(list string) ([]string, error) {
	if strings.Count(list, ";") >= maxHeaders {
		return nil, authorizationError("error.authorization.many_headers")
	}
	names := strings.Split(list, ";")
	for i, name := range names {
		switch {
		case name == "" || !all(name, lowerToken):
			return nil, authorizationError("error.authorization.header_names")
		case i > 0 && name == names[i-1]:
			return nil, authorizationError("error.authorization.header_twice")
		case i > 0 && name < names[i-1]:
			return nil, authorizationError("error.authorization.header_order")
		}
	}
	if !slices.Contains(names, dateHeader) {
		return nil, authorizationError("error.authorization.no_date")
	}
	return names, nil
}
