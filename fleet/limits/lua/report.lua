-- report counts calls that a member let through without Redis. Arguments: the fleet, and a list of reports, each with its limit as l.
each(args[2], function(r)
  if open(r.l) ~= 'period' then
    r.l.is.report(r.l, r)
    save(r.l)
  end
end)
return 1
