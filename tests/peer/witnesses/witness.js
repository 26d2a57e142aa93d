'use strict';
// One official client of a DNS service at work on a stand-in: lists, adds and removes records the way its documentation
// says. Reads {service, url, zone, name, value, ...credentials, steps} from standard input; writes one line of JSON for each
// step: {step, result} or {step, status, code}. The roots to trust are in NODE_EXTRA_CA_CERTS.
const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));

function route53() {
    const aws = require('@aws-sdk/client-route-53');
    const client = new aws.Route53Client({
        endpoint: input.url, region: input.region, maxAttempts: 1,
        credentials: {accessKeyId: input.keyId, secretAccessKey: input.secret, sessionToken: input.token},
    });
    const zoneId = async () => {
        const found = await client.send(new aws.ListHostedZonesByNameCommand({DNSName: input.zone, MaxItems: 1}));
        return found.HostedZones.find(zone => zone.Name === input.zone + '.').Id;
    };
    const set = async name => {
        const listed = await client.send(new aws.ListResourceRecordSetsCommand(
            {HostedZoneId: await zoneId(), StartRecordName: name, StartRecordType: 'TXT', MaxItems: 1}));
        return listed.ResourceRecordSets.find(s => s.Name.replace('\\052', '*') === name + '.' && s.Type === 'TXT');
    };
    const change = async (action, name, values) => {
        const sent = await client.send(new aws.ChangeResourceRecordSetsCommand({HostedZoneId: await zoneId(), ChangeBatch: {Changes: [
            {Action: action, ResourceRecordSet: {Name: name, Type: 'TXT', TTL: 60, ResourceRecords: values.map(Value => ({Value}))}}]}}));
        let info = sent.ChangeInfo;
        while (info.Status === 'PENDING')
            info = (await client.send(new aws.GetChangeCommand({Id: info.Id}))).ChangeInfo;
        return info.Status;
    };
    return {
        zones: async () => {
            const names = [];
            for (let at = {}; at; ) {
                const page = await client.send(new aws.ListHostedZonesByNameCommand({MaxItems: 100, ...at}));
                names.push(...page.HostedZones.map(zone => zone.Name.replace(/\.$/, '')));
                at = page.IsTruncated ? {DNSName: page.NextDNSName, HostedZoneId: page.NextHostedZoneId} : null;
            }
            return names;
        },
        list: async name => ((await set(name)) || {ResourceRecords: []}).ResourceRecords.map(r => JSON.parse(r.Value)),
        add: async (name, values) => change('UPSERT', name, values.map(v => JSON.stringify(v))),
        remove: async name => change('DELETE', name, (await set(name)).ResourceRecords.map(r => r.Value)),
    };
}

function azure() {
    const {ClientSecretCredential} = require('@azure/identity');
    const {DnsManagementClient} = require('@azure/arm-dns');
    const credential = new ClientSecretCredential(input.tenant, input.client, input.secret, {
        authorityHost: input.url, disableInstanceDiscovery: true, retryOptions: {maxRetries: 0}});
    const client = new DnsManagementClient(credential, input.subscription, {
        endpoint: input.url, credentialScopes: ['https://management.azure.com/.default'], retryOptions: {maxRetries: 0}});
    const relative = name => name.slice(0, -input.zone.length - 1);
    const all = async pages => {
        const items = [];
        for await (const item of pages)
            items.push(item);
        return items;
    };
    return {
        zones: async () => (await all(client.zones.listByResourceGroup(input.group))).map(zone => zone.name),
        list: async name => (await all(client.recordSets.listByType(input.group, input.zone, 'TXT')))
            .filter(s => s.name === relative(name)).flatMap(s => s.txtRecords.map(r => r.value.join(''))),
        add: async (name, values) => (await client.recordSets.createOrUpdate(input.group, input.zone, relative(name), 'TXT', {
            ttl: 60, txtRecords: values.map(v => ({value: [v]}))}, {ifNoneMatch: '*'})).provisioningState,
        remove: async name => {
            const {etag} = await client.recordSets.get(input.group, input.zone, relative(name), 'TXT');
            await client.recordSets.delete(input.group, input.zone, relative(name), 'TXT', {ifMatch: etag});
            return 'gone';
        },
    };
}

function cloudflare() {
    const Cloudflare = require('cloudflare');
    const client = new Cloudflare({baseURL: input.url + '/client/v4', maxRetries: 0, apiToken: input.token || null,
                                   apiEmail: input.email || null, apiKey: input.key || null});
    const zoneId = async () => (await client.zones.list({name: input.zone})).result[0].id;
    const at = async name => {
        const records = [];
        for await (const record of client.dns.records.list({zone_id: await zoneId(), type: 'TXT', name}))
            records.push(record);
        return records;
    };
    return {
        zones: async () => {
            const names = [];
            for await (const zone of client.zones.list({per_page: 50}))
                names.push(zone.name);
            return names;
        },
        list: async name => (await at(name)).map(r => JSON.parse(r.content)),
        add: async (name, values) => {
            for (const value of values)
                await client.dns.records.create({zone_id: await zoneId(), type: 'TXT', name, content: JSON.stringify(value), ttl: 60});
            return 'made';
        },
        remove: async name => {
            for (const record of await at(name))
                await client.dns.records.delete(record.id, {zone_id: await zoneId()});
            return 'gone';
        },
    };
}

const statusOf = error => error.$metadata?.httpStatusCode ?? error.statusCode ?? error.status ?? 0;

(async () => {
    const client = {route53, azure, cloudflare}[input.service]();
    for (const [step, ...words] of input.steps) {
        try {
            console.log(JSON.stringify({step, result: await client[step](...words)}));
        } catch (error) {
            console.log(JSON.stringify({step, status: statusOf(error), code: String(error.code || error.name),
                                        message: String(error.message).slice(0, 300)}));
        }
    }
})();
