package catalog

import (
	"errors"
	"fmt"
	"mime"
	"net/textproto"
	"slices"
	"strings"
)

// Declaration is one entry of `endpoints` of an upstream: an endpoint that the operator adds to those of the catalog, or that an upstream
// without a catalog has.
type Declaration struct {
	// What grants and records call it. Unique among the upstream's operations.
	Name string `yaml:"name" need:"yes"`
	// The HTTP method, or `"*"` (in quotes) for any.
	Method string `yaml:"method" need:"yes"`
	// The path, with `{parameters}` for segments; a final `{name...}` takes one or more segments, and, where the upstream is not
	// signed, a final slash. It may end in a slash, which calls then must have.
	Path string `yaml:"path" need:"yes"`
	// What a call can do: `read` changes nothing, `write` changes something, `spend` moves money.
	Effect Effect `yaml:"effect" need:"yes" choice:"read|write|spend"`
	// The credential class that may call it. For signed upstreams, where it must be stated.
	Class Class `yaml:"class" choice:"partner|customer|either"`
	// Whether answers carry the `Deprecation` header, and `deprecated: forbid` refuses it.
	Deprecated bool `yaml:"deprecated"`
	// The operations to use instead.
	ReplacedBy []string `yaml:"replaced_by"`
	// Further request headers that go to a signed upstream. Never those that authenticate or choose an account.
	ForwardHeaders []string `yaml:"headers"`
	// Further headers of a signed upstream's answers that reach the caller. Never those that hand over sessions or tokens, or
	// belong to one connection.
	AnswerHeaders []string `yaml:"answer_headers"`
	// The media types that bodies for a signed upstream may have, such as `application/xml`, without parameters. Default: JSON
	// (`application/json` and `application/*+json`), for which `application/json` stands here.
	ContentTypes []string `yaml:"content_types"`
	// `true`: its calls carry secrets or data of persons. Records have the path as it stands here, with its parameters' names, and of
	// query, body and answer the lengths alone.
	Sensitive bool `yaml:"sensitive"`
	// `true`: records have the query as text. Otherwise they have the names of its parameters and the lengths of their values, since no
	// list of names is complete. Values of names such as `password` or `token` are never recorded.
	RecordQuery bool `yaml:"record_query"`
	// What a call is as a business act, for `effect: spend`: without it nothing keeps a call from being made twice.
	Act *ActDeclaration `yaml:"act"`
}

// maxHeaders bounds what one declaration can pass on in each direction.
const maxHeaders = 32

// Declare checks a declaration and makes an operation of it. Its error holds every problem found. The operation has no
// site and no quota (0): none is published for it.
func Declare(d Declaration) (*Operation, error) {
	forward, forwardErr := checkHeaders(d.ForwardHeaders, checkForwardHeader)
	answer, answerErr := checkHeaders(d.AnswerHeaders, checkAnswerHeader)
	types, typesErr := checkContentTypes(d.ContentTypes)
	_, pathErr := parseTemplate(d.Path)
	err := errors.Join(checkName(d.Name), checkMethod(d.Method), pathErr, checkMeaning(d), forwardErr, answerErr, typesErr)
	if err != nil {
		return nil, err
	}
	o := &Operation{
		Name: d.Name, Method: d.Method, Path: d.Path,
		Effect: d.Effect, Class: d.Class,
		Deprecated: d.Deprecated, ReplacedBy: slices.Clone(d.ReplacedBy),
		ForwardHeaders: forward, AnswerHeaders: answer, ContentTypes: types, Sensitive: d.Sensitive, RecordQuery: d.RecordQuery,
	}
	if err := o.declareAct(d.Act); err != nil {
		return nil, err
	}
	return o, nil
}

func checkName(name string) error {
	const want = "want a letter, then at most 63 letters, digits, \"-\", \"_\" or \".\""
	if len(name) == 0 || len(name) > 64 || !isAlphanumeric(name[0]) || name[0] <= '9' {
		return fmt.Errorf("endpoint name %.80q: %s", name, want)
	}
	for i := range len(name) {
		if !isAlphanumeric(name[i]) && strings.IndexByte("-_.", name[i]) < 0 {
			return fmt.Errorf("endpoint name %q: %s", name, want)
		}
	}
	return nil
}

func checkMethod(method string) error {
	if method == AnyMethod {
		return nil
	}
	if method == "CONNECT" || method == "TRACE" {
		return fmt.Errorf("method %s cannot be served", method) // a tunnel, and an echo of headers that hold secrets
	}
	if method == "" || len(method) > 32 || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
		return fmt.Errorf("method %.40q: want upper-case letters, or \"*\" for any", method)
	}
	return nil
}

func checkMeaning(d Declaration) error {
	var problems []error
	if !d.Effect.Valid() {
		problems = append(problems, fmt.Errorf("effect is not stated: want %s", strings.Join(effectNames[1:], ", ")))
	}
	if !d.Class.Valid() || d.Class == ClassUnknown {
		problems = append(problems, errors.New("credential class: want partner, customer or either, or none for an unsigned upstream"))
	}
	if len(d.ReplacedBy) > 0 && !d.Deprecated {
		problems = append(problems, errors.New("replaced_by is set, but the endpoint is not deprecated"))
	}
	if d.Sensitive && d.RecordQuery {
		problems = append(problems, errors.New("record_query is set, but the endpoint is sensitive: of its queries no text is recorded"))
	}
	return errors.Join(problems...)
}

// checkHeaders returns the names in canonical spelling, sorted, each once.
func checkHeaders(names []string, check func(string) error) ([]string, error) {
	if len(names) > maxHeaders {
		return nil, fmt.Errorf("%d headers to pass on: at most %d are allowed", len(names), maxHeaders)
	}
	var headers []string
	var problems []error
	for _, name := range names {
		if err := check(name); err != nil {
			problems = append(problems, err)
			continue
		}
		headers = append(headers, textproto.CanonicalMIMEHeaderKey(name))
	}
	slices.Sort(headers)
	return slices.Compact(headers), errors.Join(problems...)
}

func checkForwardHeader(name string) error {
	if err := checkHeaderName(name); err != nil {
		return err
	}
	lower := strings.ToLower(name)
	for prefix, reason := range refusedPrefixes {
		if strings.HasPrefix(lower, prefix) {
			return fmt.Errorf("header %q cannot be passed on: %s", name, reason)
		}
	}
	if reason, ok := refusedHeaders[lower]; ok {
		return fmt.Errorf("header %q cannot be passed on: %s", name, reason)
	}
	return nil
}

// checkAnswerHeader refuses what hands over sessions and tokens, what belongs to a connection, and what is the gateway's.
func checkAnswerHeader(name string) error {
	if err := checkHeaderName(name); err != nil {
		return err
	}
	var reason string
	switch lower := strings.ToLower(name); {
	case lower == "set-cookie":
		reason = authenticates
	case strings.HasPrefix(lower, "tollgate-"):
		reason = refusedPrefixes["tollgate-"]
	case strings.HasPrefix(lower, "proxy-"):
		reason = framesMessage
	case refusedHeaders[lower] == authenticates || refusedHeaders[lower] == framesMessage:
		reason = refusedHeaders[lower]
	default:
		return nil
	}
	return fmt.Errorf("header %q of answers cannot be passed on: %s", name, reason)
}

func checkHeaderName(name string) error {
	if name == "" || len(name) > 64 {
		return fmt.Errorf("header name %.80q: want 1 to 64 characters", name)
	}
	if !plainHeaderName(name) {
		return fmt.Errorf("header name %q: letters, digits and \"-\" only", name)
	}
	return nil
}

// maxContentTypes bounds what one declaration can take.
const maxContentTypes = 32

// checkContentTypes returns the types in lower case, sorted, each once.
func checkContentTypes(types []string) ([]string, error) {
	if len(types) > maxContentTypes {
		return nil, fmt.Errorf("%d content types: at most %d are allowed", len(types), maxContentTypes)
	}
	var checked []string
	for _, given := range types {
		media, parameters, err := mime.ParseMediaType(given)
		if err != nil || len(given) > 127 || !strings.EqualFold(media, given) || len(parameters) > 0 || !strings.Contains(media, "/") || strings.Contains(media, "*") {
			return nil, fmt.Errorf("content type %.140q: want a type and a subtype without parameters, such as application/xml", given)
		}
		checked = append(checked, media)
	}
	slices.Sort(checked)
	return slices.Compact(checked), nil
}

// plainHeaderName reports whether a name is of letters, digits and "-". RFC 9110 section 5.6.2 allows more. "_" is left out because
// proxies take it for "-" or drop it, and the provider's signing leaves such headers out.
func plainHeaderName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c != '-' && !isAlphanumeric(c) {
			return false
		}
	}
	return true
}

const (
	authenticates = "it authenticates"
	choosesTenant = "it chooses the account, which the credential does"
	framesMessage = "it frames the message or belongs to one connection"
	repeatsCalls  = "HTTP clients repeat calls that carry it"
	changesTarget = "it changes what is called after that was decided"
	claimsSource  = "it claims who calls, or from where"
	encodesBody   = "bodies are recorded and judged unencoded"
	readsBody     = "it says how the body is read, for which there is content_types"
	cutsBody      = "it says that the body is a part of another"
)

// refusedPrefixes and refusedHeaders hold lower-case names.
var refusedPrefixes = map[string]string{
	"x-apig-":     authenticates,
	"tollgate-":   "it belongs to the gateway",
	"proxy-":      framesMessage,
	"x-forwarded": claimsSource,
	"x-envoy-":    changesTarget,

	"x-remote-":        claimsSource,
	"remote-":          claimsSource,
	"x-webauth-":       claimsSource,
	"x-authenticated-": claimsSource,
	"x-auth-request-":  claimsSource,
	"x-ssl-client-":    claimsSource,
	"ssl-client-":      claimsSource,
	"x-client-cert":    claimsSource,
	"x-original-":      changesTarget,
	"x-rewrite-":       changesTarget,

	"forwarded":                  claimsSource,
	"wl-proxy-":                  claimsSource, // WebLogic
	"client-cert":                claimsSource, // RFC 9440
	"x-client-dn":                claimsSource,
	"x-client-verify":            claimsSource,
	"x-arr-":                     claimsSource, // IIS
	"x-azure-":                   claimsSource,
	"x-ms-client-principal":      claimsSource,
	"x-goog-authenticated-user-": claimsSource,
	"x-goog-iap-":                claimsSource,
	"x-appengine-":               claimsSource,
	"x-amzn-oidc-":               claimsSource,
	"x-amzn-mtls-":               claimsSource,
	"cf-access-":                 claimsSource,
	"fastly-client":              claimsSource,
	"tailscale-":                 claimsSource,
	"x-consumer-":                claimsSource, // Kong
	"x-credential-":              claimsSource, // Kong
	"x-authentik-":               claimsSource,
	"x-pomerium-":                claimsSource,
	"iv-":                        claimsSource, // WebSEAL
	"x-waws-":                    changesTarget,
}

var refusedHeaders = map[string]string{
	"cookie":                    authenticates,
	"x-auth-token":              authenticates,
	"x-subject-token":           authenticates,
	"x-idp-id":                  authenticates,
	"x-project-id":              choosesTenant,
	"host":                      framesMessage,
	"content-length":            framesMessage,
	"transfer-encoding":         framesMessage,
	"connection":                framesMessage,
	"keep-alive":                framesMessage,
	"te":                        framesMessage,
	"trailer":                   framesMessage,
	"upgrade":                   framesMessage,
	"http2-settings":            framesMessage,
	"expect":                    framesMessage,
	"idempotency-key":           repeatsCalls,
	"x-idempotency-key":         repeatsCalls,
	"accept-encoding":           encodesBody,
	"content-encoding":          encodesBody,
	"content-range":             cutsBody,
	"content-type":              readsBody,
	"x-http-method":             changesTarget,
	"x-http-method-override":    changesTarget,
	"x-method-override":         changesTarget,
	"x-host":                    changesTarget,
	"x-http-host-override":      changesTarget,
	"x-script-name":             changesTarget,
	"proxy":                     changesTarget, // HTTP_PROXY to a CGI program
	"x-real-ip":                 claimsSource,
	"x-client-ip":               claimsSource,
	"x-cluster-client-ip":       claimsSource,
	"x-originating-ip":          claimsSource,
	"true-client-ip":            claimsSource,
	"client-ip":                 claimsSource,
	"cf-connecting-ip":          claimsSource,
	"cf-connecting-ipv6":        claimsSource,
	"front-end-https":           claimsSource,
	"x-scheme":                  claimsSource,
	"x-url-scheme":              claimsSource,
	"content-transfer-encoding": encodesBody,
}

// Misleads reports whether a header, in canonical spelling, must not reach an internal app, which may trust it: it changes what is
// called after that was decided, claims who calls, or from where, or belongs to a connection, as some do in the eyes of apps alone: Proxy-Client-IP.
// So must no name that is spelt with other signs than letters, digits and "-": programs take "_" and others for "-". No such list is
// complete: apps may be set up to trust any name.
func Misleads(name string) bool {
	if misleading[name] || !plainHeaderName(name) {
		return true
	}
	return slices.ContainsFunc(misleadingPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// misleading and misleadingPrefixes are those of refusedHeaders and refusedPrefixes, in canonical spelling.
var (
	misleading         = map[string]bool{}
	misleadingPrefixes []string
)

func init() {
	misleads := func(reason string) bool {
		return reason == changesTarget || reason == claimsSource || reason == framesMessage
	}
	for name, reason := range refusedHeaders {
		if misleads(reason) {
			misleading[textproto.CanonicalMIMEHeaderKey(name)] = true
		}
	}
	for prefix, reason := range refusedPrefixes {
		if misleads(reason) {
			misleadingPrefixes = append(misleadingPrefixes, textproto.CanonicalMIMEHeaderKey(prefix))
		}
	}
}
