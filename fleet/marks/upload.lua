-- args: when the signatures expire, in milliseconds; signatures.
for i = 2, #args do redis.call('SET', key('signature:' .. args[i]), member, 'NX', 'PXAT', args[1]) end
