package e2e

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/def"
	bss "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bss/v2"
	bssintl "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/bssintl/v2"

	"tollgate/internal/bsssim"
)

// session is the SDK in the hands of an application.
type session struct {
	cn   *bss.BssClient
	intl *bssintl.BssintlClient
	core *core.HcHttpClient
}

func (a *application) session(t testing.TB) *session {
	t.Helper()
	return &session{a.bss(t), a.bssintl(t), a.client(t, bss.BssClientBuilder())}
}

// of is the application as it calls a site.
func (a *application) of(site string) *application {
	moved := *a
	if site == "intl" {
		moved.endpoint = "https://" + intlName
	}
	return &moved
}

// bareCall is a call through the SDK's core: what its models have no words for.
type bareCall struct {
	line        string     // method and path, not escaped
	query       [][]string // name and values
	contentType string
	body        *string
}

// bareValues are where the SDK looks for the parts of a bare call.
type bareValues struct {
	Query0, Query1, Query2 []string
	Body                   *string `json:"body,omitempty"`
}

// bareAnswer takes what answers of the first version always have.
type bareAnswer struct {
	ErrorCode      *string `json:"error_code,omitempty"`
	HttpStatusCode int     `json:"-"`
}

func (s *session) bare(c bareCall) (any, error) {
	method, path, _ := strings.Cut(c.line, " ")
	values := &bareValues{Body: c.body}
	d := def.NewHttpRequestDefBuilder().WithMethod(method).WithPath(path).WithContentType(c.contentType).WithResponse(new(bareAnswer))
	for i, query := range c.query {
		reflect.ValueOf(values).Elem().Field(i).Set(reflect.ValueOf(query[1:]))
		name := reflect.TypeFor[bareValues]().Field(i).Name
		d.WithRequestField(def.NewFieldDef().WithName(name).WithJsonTag(query[0]).WithLocationType(def.Query))
	}
	if c.body != nil {
		d.WithRequestField(def.NewFieldDef().WithName("Body").WithLocationType(def.Body))
	}
	return s.core.Sync(values, d.Build())
}

// The till's own keys, and the token of the temporary ones that the gateway has for it.
const (
	tillKey    = "TGTILL"
	tillSecret = "virtual-secret-of-the-till-Lm23"
	c18Token   = "security-token-of-c18/+=0aZ"
)

// till is an application before a credential of temporary keys.
func (w *world) till(p *process) *application {
	return &application{"https://" + gatewayName, tillKey, tillSecret, "c-18", w.transport(p.address("https")), ""}
}

// twoSites runs a gateway where the shop and the office call both sites, and the till has a credential of temporary keys.
func twoSites(t testing.TB) (*world, *process) {
	t.Helper()
	accounts := bsssim.DefaultAccounts()
	for i := range accounts {
		if accounts[i].DomainID == "c-18" {
			accounts[i].SecurityToken = c18Token
		}
	}
	w := newWorld(t, bsssim.Config{Accounts: accounts, Unthrottled: true})
	w.env = append(w.env, "TILL_SK="+tillSecret)
	text := replaceOnce(t, standard, "  partner-intl: {class", `  customer-intl: {class: customer, upstream: intl, domain_id: c-17, access_key: {env: C17_AK}, secret_key: {env: C17_SK}}
  temporary: {class: customer, upstream: bss, domain_id: c-18, access_key: {env: C18_AK}, secret_key: {env: C18_SK}, security_token: {env: C18_TOKEN}}
  partner-intl: {class`)
	text = replaceOnce(t, text, "  office:    # a partner", `      - {operations: [effect:read, effect:write, effect:spend], credential: customer-intl}
  till:
    auth: [{access_key: {id: TGTILL, secret: {env: TILL_SK}}}]
    grants: [{operations: [effect:read, effect:spend], credential: temporary}]
  office:    # a partner`)
	text = replaceOnce(t, text, "[effect:read, UpdateSubCustomerBudget]", "[effect:read, effect:write, effect:spend]")
	text = replaceOnce(t, text, "bounds: {drain: 20s}", fmt.Sprintf("bounds: {drain: 20s, body: %dKiB}", largest>>10))
	w.configure(text + "\nlimits: {published: false, unauthenticated: {rate: 10000/s, burst: 1000000}}\n")
	return w, w.start()
}
