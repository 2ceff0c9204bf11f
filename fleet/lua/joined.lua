-- The member has uploaded what it knows.
redis.call('SADD', key('joined'), member)
return redis.call('SMEMBERS', key('joined'))
