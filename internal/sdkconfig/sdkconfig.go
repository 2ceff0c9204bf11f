// Package sdkconfig has the lines by which an application calls the provider's API through the gateway: for the provider's unmodified SDKs, for
// Terraform, and for curl.
package sdkconfig

import (
	"embed"
	"fmt"
	"strings"
	"sync"
	"text/template"
	"unicode"

	"tollgate/internal/text"
)

// Languages are those that there are lines for.
func Languages() []string {
	return []string{"go", "python", "java", "node", "php", "terraform", "curl"}
}

// Settings are what the lines depend on.
type Settings struct {
	Caller   string
	Endpoint string // "https://gateway.corp.example:8443"
	TLS      bool
	CA       string // path of the authorities to trust; empty: those of the system may do

	AccessKey  string
	SecretIn   string // in words: where the secret is
	SecretFile string // its path; empty: it is in the environment of the gateway
	Until      string // the key's last moment; empty: it does not end

	DomainID  string
	Site      string // "cn", "intl"
	Operation string // one without parameters that the caller may call: "ShowCustomerAccountBalances"; empty: none is known
	Path      string // of that operation

	Socket      string // curl: the path of a unix socket
	Certificate bool   // curl: a client certificate says who calls
}

//go:embed *.tmpl
var files embed.FS

var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{"lower": lowerFirst, "snake": snake, "sh": text.ShellWord}).ParseFS(files, "*.tmpl"))
})

// Lines returns the lines for a language.
func Lines(language string, s Settings) (string, error) {
	var b strings.Builder
	if err := templates().ExecuteTemplate(&b, language+".tmpl", s); err != nil {
		return "", fmt.Errorf("lines for %s: %w", language, err)
	}
	return b.String(), nil
}

// Service returns what the SDKs call the site's API.
func (s Settings) Service() string {
	if s.Site == "intl" {
		return "bssintl"
	}
	return "bss"
}

// Package returns the name of the site's API as the SDK for PHP has it in namespaces.
func (s Settings) Package() string { return strings.ToUpper(s.Service()[:1]) + s.Service()[1:] }

// Client returns the name of the SDKs' client type.
func (s Settings) Client() string { return s.Package() + "Client" }

// Region returns a region of the site.
func (s Settings) Region() string {
	if s.Site == "intl" {
		return "ap-southeast-1"
	}
	return "cn-north-1"
}

func lowerFirst(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToLower(name[:1]) + name[1:]
}

// snake returns the name as the Python SDK writes it: show_customer_account_balances.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
