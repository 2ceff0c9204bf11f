-- join has a member say again what it saw last of limits; of what is known of one the worse is kept. Arguments: the fleet, and a list:
--   l: the limit; a: microseconds since it was seen; v: the level of a bucket, the calls of a window, the calls of a calendar's period
--   c: of a calendar, the member's own; s: the begin of the period; o: what a bucket had lost
each(args[2], function(r)
  local l = r.l
  if open(l) ~= 'period' and (l.t ~= 'calendar' or r.s == l.s) then
    local s = l.state
    if l.t == 'bucket' then
      local came = r.a / 1e6 * l.r
      local level = r.v + came * scale
      local lost = r.o + came * (1 - scale) + math.max(0, level - l.b)
      s.l = math.min(s.l, level)
      s.o = l.missing and lost or math.min(s.o, lost)
      s.z = nil
    elseif l.t == 'window' then
      if r.v > l.used then window.put(l, r.v - l.used, now - r.a) end
    else
      s.n[member] = math.max(s.n[member] or 0, r.c)
      s.f = math.max(s.f, r.v - s.c)
    end
    save(l)
  end
end)
return 1
