package certs

import (
	"tollgate/internal/setting"
	"tollgate/tlspolicy"
)

// ListenerTLS is `tls` of a listener. In a loaded configuration all certificates are in Certificates.
type ListenerTLS struct {
	// The TLS policy: `huawei-high`, `huawei` or one of `tls_policies`.
	Policy string `yaml:"policy"`
	// The certificate that the listener shows. Either this or `certificates`.
	Certificate *Certificate `yaml:"certificate"`
	// Several certificates: which one is shown depends on the name that the peer asks for, and on what it can use. ECDSA
	// comes before RSA; a peer that asks for no name, or one that is in none, gets the first.
	Certificates []Certificate `yaml:"certificates"`
	// A PEM file with the authorities whose client certificates are trusted. Without it none is asked for.
	ClientCA string `yaml:"client_ca" path:"read"`
	// Files with the revocation lists of those authorities (PEM or DER): certificates that they name are refused.
	ClientCRL []string `yaml:"client_crl" path:"read"`
	// Whether to refuse or allow a client certificate when its authority has no list, or only one past its next update. For
	// `client_crl` only. Default: `refuse`.
	ClientCRLMissing string `yaml:"client_crl_missing" choice:"refuse|allow"`
	// A file with serial numbers of client certificates that are refused even if no list names them: one in a line, up to 20 octets in
	// hexadecimal, as `openssl x509 -serial` prints it, optionally followed by the SHA-256 fingerprint of the issuer's certificate; `#` begins a comment.
	ClientDeny string `yaml:"client_deny" path:"read"`
	// `required`: a connection without a client certificate is refused. `optional`: it may identify its caller in
	// another way. Default: `optional` if there is a `client_ca`.
	ClientCertificate string `yaml:"client_certificate" choice:"optional|required"`
}

func (ListenerTLS) Default() ListenerTLS { return ListenerTLS{Policy: tlspolicy.Default} }

// lenient reports whether certificates pass of which it cannot be said whether they are revoked. What an outdated list names is refused in
// any case.
func (t *ListenerTLS) lenient() bool { return t.ClientCRLMissing == "allow" }

// Certificate is `certificate` of a listener, and one entry of `certificates`: exactly one of its keys.
type Certificate struct {
	// A certificate in files. They are PEM.
	Files *CertificateFiles `yaml:"files"`
	// A certificate that the gateway issues to itself, with an authority of its own.
	Internal *InternalCertificate `yaml:"internal"`
	// Certificates that an authority issues over ACME (RFC 8555), one for each host, renewed after two thirds of their life.
	// Using it means that you agree to the authority's terms.
	ACME *ACMEConfig `yaml:"acme"`
}

func (Certificate) ExactlyOne() {}

// CertificateFiles is `files` of a certificate, and `client_certificate` of an upstream.
type CertificateFiles struct {
	// The file with the certificate and its chain, the leaf first.
	Cert string `yaml:"cert" path:"read" need:"yes"`
	// The file with the certificate's private key.
	Key string `yaml:"key" path:"read" need:"yes"`
}

// InternalCertificate is `internal` of a certificate: an authority of the gateway's own, for a sidecar or a lab.
type InternalCertificate struct {
	// The folder of the authority and of what it issued. It is made when it is not there. Gateways may share it.
	Dir string `yaml:"dir" path:"make" need:"yes"`
	// The names of the certificate: host names, `*.` in front for any first label, and IP addresses.
	Hosts []setting.CertificateHost `yaml:"hosts" need:"yes"`
	// How long a certificate holds. It is renewed after two thirds of that.
	Lifetime setting.Duration `yaml:"lifetime" range:"1h..1825d"`
}

func (InternalCertificate) Default() InternalCertificate {
	return InternalCertificate{Lifetime: setting.Duration(DefaultLifetime)}
}

// UpstreamTLS is `tls` of an upstream.
type UpstreamTLS struct {
	// The TLS policy: `huawei-high`, `huawei` or one of `tls_policies`.
	Policy string `yaml:"policy"`
	// A PEM file with the authorities that are trusted. Default: those of the system.
	CA string `yaml:"ca" path:"read"`
	// The name that the upstream's certificate must have. Default: the host of the url.
	ServerName setting.Host `yaml:"server_name"`
	// Public keys of which one must be in the upstream's verified chain, as `sha256/` and the SHA-256 of the key in base64.
	// Two at least: one of a spare key, or of an authority of the chain, for the day on which the other is lost.
	Pins []tlspolicy.Pin `yaml:"pins"`
	// The certificate that is shown to an upstream that asks for one. The files are PEM.
	ClientCertificate *CertificateFiles `yaml:"client_certificate"`
}

func (UpstreamTLS) Default() UpstreamTLS { return UpstreamTLS{Policy: tlspolicy.Default} }
