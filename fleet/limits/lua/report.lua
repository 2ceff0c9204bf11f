-- report counts calls that a member let through without Redis. Arguments: the fleet, and a list of reports, each with its limit as l.
for _, r in ipairs(cjson.decode(args[2])) do
  if open(r.l) ~= 'period' then
    r.l.is.report(r.l, r)
    save(r.l)
  end
end
return 1
