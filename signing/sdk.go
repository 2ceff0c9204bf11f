package signing

// SDK is the scheme SDK-HMAC-SHA256: see the package comment.
var SDK Scheme = sdk{}

type sdk struct{}

// sdkName is the first word of Authorization and of the string to sign.
const sdkName = "SDK-HMAC-SHA256"

// The headers that mean something to a signature, in canonical spelling.
const (
	dateName        = "X-Sdk-Date"           // always present and signed
	contentHashName = "X-Sdk-Content-Sha256" // replaces the body hash where a request carries it
	accountName     = "X-Domain-Id"
	tokenName       = "X-Security-Token"
)

// The same, spelt as they are signed.
const (
	dateHeader        = "x-sdk-date"
	contentHashHeader = "x-sdk-content-sha256"
	accountHeader     = "x-domain-id"
	tokenHeader       = "x-security-token"
)

var sdkOwned = []Owned{
	{AuthorizationHeader, Proof}, {tokenName, Token}, {accountName, AccountName}, {dateName, Date}, {contentHashName, ContentHash},
	{"X-Sdk-", Family},
}

// known is declared below sdkOwned, which NewSchemes reads through the interface: Go would not see that it has to be initialized first.
var known = NewSchemes(SDK)

// Known returns the schemes of this package.
func Known() *Schemes { return known }

// Name returns SDK-HMAC-SHA256.
func (sdk) Name() string { return sdkName }

// Owned returns the headers that the provider's SDKs send with a signature.
func (sdk) Owned() []Owned { return sdkOwned }
