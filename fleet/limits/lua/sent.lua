-- sent moves a call's place in its windows to now. Arguments: the fleet, the windows, when it took its place; 0: that is not known.
for _, l in ipairs(cjson.decode(args[2])) do
  open(l)
  window.back(l, tonumber(args[3]))
  window.put(l, 1, now)
  save(l)
end
return now
