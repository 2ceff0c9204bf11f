package catalog

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCounts(t *testing.T) {
	if got := Sites(); !slices.Equal(got, []string{"cn", "intl"}) {
		t.Fatalf("Sites() = %q", got)
	}
	total := 0
	for site, want := range map[string]struct{ all, current int }{"cn": {128, 91}, "intl": {88, 55}} {
		current := 0
		for _, o := range Operations(site) {
			if !o.Deprecated {
				current++
			}
		}
		if n := len(Operations(site)); n != want.all || current != want.current {
			t.Errorf("%s: %d operations, %d current; want %d, %d", site, n, current, want.all, want.current)
		}
		total += len(Operations(site))
	}
	if total != 216 {
		t.Errorf("%d operations, want 216", total)
	}
	if Operations("eu") != nil {
		t.Error("an unknown site has operations")
	}
}

func TestSharedTemplates(t *testing.T) {
	templates := make(map[string]bool)
	for _, o := range Operations("cn") {
		templates[o.Method+" "+o.Path] = true
	}
	shared := 0
	for _, o := range Operations("intl") {
		if templates[o.Method+" "+o.Path] {
			shared++
		}
	}
	if shared != 72 {
		t.Errorf("%d templates are on both sites, want 72", shared)
	}
}

func TestOperationFacts(t *testing.T) {
	pay := Find("cn", "PayOrders")
	if pay.Method != "POST" || pay.Path != "/v3/orders/customer-orders/pay" || pay.Class != ClassCustomer || pay.Effect != Spend ||
		pay.ClassInferred || pay.Deprecated || pay.CodeAlways || pay.Quota != DefaultQuota || pay.Kind != KindAny || pay.Sensitive {
		t.Errorf("PayOrders = %+v", *pay)
	}
	want := Field{"coupon_infos[].id", FieldCoupon}
	if !slices.Contains(pay.Request, want) {
		t.Errorf("PayOrders.Request = %v, want %v among them", pay.Request, want)
	}
	if !Find("intl", "PayOrders").ClassInferred {
		t.Error("intl PayOrders: class not marked as inferred")
	}
	if got := Find("cn", "CreateSubCustomer").Success; !slices.Equal(got, []int{200, 204}) {
		t.Errorf("CreateSubCustomer.Success = %v", got)
	}
	rating := Find("cn", "queryRating")
	if !rating.Deprecated || !rating.CodeAlways || !slices.Equal(rating.ReplacedBy, []string{"ListOnDemandResourceRatings", "ListRateOnPeriodDetail"}) {
		t.Errorf("queryRating = %+v", *rating)
	}
	for site, quota := range map[string]float64{"cn": 20, "intl": 10} {
		if got := Find(site, "ListOnDemandResourceRatings").Quota; got != quota {
			t.Errorf("%s ListOnDemandResourceRatings.Quota = %v, want %v", site, got, quota)
		}
	}
	if got := Find("cn", "CheckUserIdentity").Quota; got != 5 {
		t.Errorf("CheckUserIdentity.Quota = %v, want 5", got)
	}
}

// TestConfirmed: what the provider's pages say of the class of an operation is not marked as inferred.
func TestConfirmed(t *testing.T) {
	for class, operations := range map[Class]string{
		ClassPartner: "cn/UpdateCouponQuotas cn/ListIncentiveDiscountPolicies cn/ListPartnerAccountChangeRecords " +
			"cn/ShowRealnameAuthenticationReviewResult intl/ListSubCustomerBudget intl/ListSubCustomerBudgetRecords",
		ClassCustomer: "cn/ListCosts cn/ListCustomerBillsMonthlyBreakDown cn/ShowCustomerAccountBalances cn/CreateEnterpriseProjectAuth",
		ClassEither: "cn/ListResourceTypes cn/ListResourceSpecs cn/queryOrderDetail intl/queryOrderDetail intl/ListInvoices " +
			"intl/ListResourceSpecsPrice",
	} {
		for name := range strings.FieldsSeq(operations) {
			site, operation, _ := strings.Cut(name, "/")
			if o := Find(site, operation); o == nil || o.Class != class || o.ClassInferred {
				t.Errorf("%s: %+v, want class %s, not inferred", name, o, class)
			}
		}
	}
	inferred := 0
	for _, site := range Sites() {
		for _, o := range Operations(site) {
			if o.ClassInferred {
				inferred++
			}
		}
	}
	if inferred != 63 {
		t.Errorf("%d classes are inferred, want 63", inferred)
	}
}

// TestSunsets: the end of every deprecated operation was announced, and of no other.
func TestSunsets(t *testing.T) {
	const notice, late = "2024-08-27", "2025-02-28"
	const earlyNotice, early = "2022-11-04", "2022-11-30"
	for _, site := range Sites() {
		for _, o := range Operations(site) {
			wantNotice, want := notice, late
			switch {
			case !o.Deprecated:
				if !o.Announced.IsZero() || !o.Sunset.IsZero() {
					t.Errorf("%s %s is current and ends", site, o.Name)
				}
				continue
			case o.Name == "oldPayOrderV2" || o.Name == "oldListServiceTypesV2":
				wantNotice, want = earlyNotice, early
			}
			if a, s := o.Announced.Format(time.DateOnly), o.Sunset.Format(time.DateOnly); a != wantNotice || s != want {
				t.Errorf("%s %s: announced %s, ends %s; want %s, %s", site, o.Name, a, s, wantNotice, want)
			}
		}
	}
}

// TestDomainIsCustomer: every other {domain_id} is the account of the credential.
func TestDomainIsCustomer(t *testing.T) {
	got := names((*Operation).DomainIsCustomer)
	if !slices.Equal(got, []string{"queryOrderDetail"}) {
		t.Errorf("%q", got)
	}
}

// names lists the operations of both sites that satisfy ok, each once.
func names(ok func(*Operation) bool) []string {
	var found []string
	for _, site := range Sites() {
		for _, o := range Operations(site) {
			if ok(o) {
				found = append(found, o.Name)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func TestSets(t *testing.T) {
	tests := []struct {
		what string
		ok   func(*Operation) bool
		want string
	}{
		{"unknown class", func(o *Operation) bool { return o.Class == ClassUnknown }, "oldResourceDaily"},
		{"distributor", func(o *Operation) bool { return o.Kind == KindDistributor },
			"ListCouponQuotasRecords ListIndirectPartners ListIssuedCouponQuotas ReclaimCouponQuotas ReclaimIndirectPartnerAccount UpdateCouponQuotas UpdateIndirectPartnerAccount"},
		{"sensitive", func(o *Operation) bool { return o.Sensitive },
			"ChangeEnterpriseRealnameAuthentication CheckUserIdentity CreateEnterpriseRealnameAuthentication CreatePersonalRealnameAuth CreateSubCustomer " +
				"CreateSubEnterpriseAccount SendSmsVerificationCode SendVerificationMessageCode ShowRealNameAuthQrCode checkUser createCustomer " +
				"enterpriseRealnameAuth enterpriseRealnameAuthChange individualRealnameAuth sendVerificationCode"},
		{"resellers only", func(o *Operation) bool { return o.AddressesResellersOnly },
			"ListCouponQuotasRecords ListIndirectPartners ListIssuedCouponQuotas ListPartnerAccountChangeRecords ListPartnerBalances ListQuotaCoupons " +
				"ReclaimIndirectPartnerAccount UpdateCouponQuotas UpdateIndirectPartnerAccount"},
		{"act in the query", func(o *Operation) bool { return len(o.Query) > 0 }, "autoRenew"},
		{"item list", func(o *Operation) bool { return o.ItemList }, "ListRenewRateOnPeriod"},
		{"repeats the request", func(o *Operation) bool { return len(o.Repeats) > 0 },
			"CreatePartnerCoupons PayOrders ReclaimCouponQuotas UpdateCouponQuotas UpdatePeriodToOnDemandInstantly oldPayOrderV2 orderPay"},
	}
	for _, test := range tests {
		if got := strings.Join(names(test.ok), " "); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.what, got, test.want)
		}
	}
}

func TestKindsAndFieldsFitTheOperation(t *testing.T) {
	for _, site := range Sites() {
		for _, o := range Operations(site) {
			if family := strings.HasPrefix(o.Path, "/v2/enterprises/multi-accounts/"); family && o.Kind != KindEnterpriseMaster {
				t.Errorf("%s %s: not marked as for enterprise masters", site, o.Name)
			}
			if o.Kind == KindDistributor && o.Class != ClassPartner || o.Kind == KindEnterpriseMaster && o.Class != ClassCustomer {
				t.Errorf("%s %s: kind %q on class %s", site, o.Name, o.Kind, o.Class)
			}
			if o.Effect == Spend && len(o.Request) == 0 {
				t.Errorf("%s %s moves money and has no audited request field", site, o.Name)
			}
			if o.CodeAlways != strings.HasPrefix(o.Path, "/v1.0/") {
				t.Errorf("%s %s: CodeAlways = %v", site, o.Name, o.CodeAlways)
			}
			for _, f := range slices.Concat(o.Request, o.Answer) {
				for _, word := range []string{"password", "code_value", "verification_code", "mobile", "phone", "identi", "name"} {
					if o.Sensitive && strings.Contains(f.Name, word) {
						t.Errorf("%s %s would record %s", site, o.Name, f.Name)
					}
				}
			}
		}
	}
}

func TestFindIsExact(t *testing.T) {
	for _, name := range []string{"", "payorders", "PayOrder", "PayOrdersX", "zzz"} {
		if o := Find("cn", name); o != nil {
			t.Errorf("Find(%q) = %s", name, o.Name)
		}
	}
	if Find("intl", "CreatePartnerCoupons") != nil || Find("eu", "PayOrders") != nil {
		t.Error("found an operation on a site that lacks it")
	}
}

func TestSharedSlicesCannotBeSpoilt(t *testing.T) {
	Operations("cn")[0] = nil
	Sites()[0] = "xx"
	if Operations("cn")[0] == nil || Sites()[0] != "cn" {
		t.Error("a caller's change reached the catalog")
	}
}

func TestText(t *testing.T) {
	for _, e := range []Effect{Read, Write, Spend} {
		var parsed Effect
		if err := parsed.UnmarshalText([]byte(e.String())); err != nil || parsed != e {
			t.Errorf("%v: %v, %v", e, parsed, err)
		}
	}
	for c := range ClassUnknown + 1 {
		var parsed Class
		if err := parsed.UnmarshalText([]byte(c.String())); err != nil || parsed != c {
			t.Errorf("%v: %v, %v", c, parsed, err)
		}
	}
	for _, bad := range []string{"", "Read", "spends", "effect"} {
		if e, err := ParseEffect(bad); err == nil {
			t.Errorf("ParseEffect(%q) = %v", bad, e)
		}
		if c, err := ParseClass(bad); err == nil {
			t.Errorf("ParseClass(%q) = %v", bad, c)
		}
	}
	if Effect(0).Valid() || Effect(0).String() != "Effect(0)" {
		t.Error("the zero effect passes for an effect")
	}
	if Class(9).Valid() || Class(9).String() != "Class(9)" {
		t.Error("class 9 passes for a class")
	}
}

func TestParseRefuses(t *testing.T) {
	const head = operationColumns + "\n"
	const good = "cn,A,GET,/a,t,customer,doc,read,no,,200,no\n"
	const old = "cn,A,GET,/a,t,customer,doc,read,yes,,200,no\n"
	const spends = "cn,A,POST,/a,t,customer,doc,spend,no,,200,no\n"
	const fields = "cn,A,answer,a:order\ncn,A,request,b:order\n"
	tests := []struct{ what, operations, facts, want string }{
		{"no header", "", "", "unexpected header"},
		{"other header", "a,b\n", "", "unexpected header"},
		{"missing column", head + "cn,A,GET\n", "", "wrong number of fields"},
		{"twice", head + good + good, "", "has A twice"},
		{"bad path", head + "cn,A,GET,a,t,customer,doc,read,no,,,no\n", "", "does not start"},
		{"bad class", head + "cn,A,GET,/a,t,vendor,doc,read,no,,,no\n", "", "unknown credential class"},
		{"bad effect", head + "cn,A,GET,/a,t,customer,doc,steal,no,,,no\n", "", "unknown effect"},
		{"bad status", head + "cn,A,GET,/a,t,customer,doc,read,no,,404,no\n", "", "success status"},
		{"dangling successor", head + "cn,A,GET,/a,t,customer,doc,read,yes,B,,no\n", "", "replaced by B"},
		{"fact of nothing", head + good, "cn,B,quota,5\n", "no operation B"},
		{"fact of no site", head + good, "xx,A,quota,5\n", "no operation A"},
		{"unknown fact", head + good, "cn,A,colour,red\n", "unknown fact"},
		{"bad quota", head + good, "cn,A,quota,-1\n", "out of range"},
		{"quota NaN", head + good, "cn,A,quota,NaN\n", "out of range"},
		{"sunset of a current one", head + good, "cn,A,sunset,2024-08-27 2025-02-28\n", "not deprecated"},
		{"sunset without a notice", head + old, "cn,A,sunset,2025-02-28\n", "want the day of the notice"},
		{"sunset before its notice", head + old, "cn,A,sunset,2025-02-28 2024-08-27\n", "want the day of the notice"},
		{"sunset on no day", head + old, "cn,A,sunset,2024-08-27 2025-02-30\n", "want the day of the notice"},
		{"bad kind", head + good, "cn,A,kind,king\n", "unknown kind"},
		{"bad field", head + good, "cn,A,request,amount\n", "want name:kind"},
		{"bad field kind", head + good, "cn,A,answer,amount:gold\n", "want name:kind"},
		{"field twice", head + good, "cn,A,request,a:order a:amount\n", "twice"},
		{"too few columns", head + good, "cn,A\n", "2 columns"},
		{"repeats of a read", head + good, fields + "cn,A,repeats,a=b\n", "operations that spend"},
		{"repeats before its fields", head + spends, "cn,A,repeats,a=b\n" + fields, "both fields of rows before"},
		{"repeats an unknown field", head + spends, fields + "cn,A,repeats,a=a\n", "both fields of rows before"},
		{"repeats for an unknown field", head + spends, fields + "cn,A,repeats,b=b\n", "both fields of rows before"},
		{"repeats nothing", head + spends, fields + "cn,A,repeats,a\n", "both fields of rows before"},
		{"repeats twice", head + spends, fields + "cn,A,repeats,a=b a=b\n", "twice"},
	}
	for _, test := range tests {
		_, err := parse(test.operations, test.facts, actHead)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.what, err, test.want)
		}
	}
	if _, err := parse(head+good, "# comment\n\n*,A,quota,5\n", actHead); err != nil {
		t.Error(err)
	}
	table, err := parse(head+spends, fields+"cn,A,repeats,a=b\n", actHead)
	if err != nil || !slices.Equal(table.bySite["cn"][0].Repeats, []Repeat{{"a", "b"}}) {
		t.Errorf("%+v, %v", table, err)
	}
}
