// Drives the sandbox with an official SDK through every operation it has, and prints one line of JSON for each: what was
// called, and what the SDK made of the answer. It judges nothing; conformance_test.go does.
//
// usage: node drive.cjs <job.json>
//   job: {sdk: "current" | "old", config: {...}, organizationId, receiver, certificate, origin}
'use strict';

const fs = require('node:fs');

const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const sdk = require(job.sdk === 'old' ? 'cybersource-rest-client-old' : 'cybersource-rest-client');

const org = job.organizationId;
const products = [{ productId: 'tokenManagement', eventTypes: ['tms.networktoken.provisioned', 'tms.networktoken.updated'] }];
const retryPolicy = {
  algorithm: 'ARITHMETIC', firstRetry: 1, interval: 1, numberOfRetries: 3,
  deactivateFlag: 'false', repeatSequenceCount: 0, repeatSequenceWaitTime: 0,
};

// SDKs before 0.0.83 take the time twice, for the header and for the signature, so that a request around the end of a
// second fails by itself. While a call is put together, the clock stands still.
const RealDate = Date;
let frozen = null;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length > 0) super(...args);
    else super(frozen ?? RealDate.now());
  }
  static now() { return frozen ?? RealDate.now(); }
};

function print(line) { process.stdout.write(JSON.stringify(line) + '\n'); }

// call runs one operation and prints its outcome. The answer's status and body come from where this SDK keeps them.
function call(operation, start) {
  return new Promise((resolve) => {
    const done = (error, data, response) => {
      const answer = response ?? error?.response ?? {};
      const text = answer.text ?? answer.data;
      print({
        operation, status: answer.status ?? error?.status ?? 0, data: data ?? null,
        body: typeof text === 'string' ? text : JSON.stringify(text ?? ''),
        error: error ? String(error.message ?? error) : '',
      });
      resolve(data);
    };
    try {
      if (job.sdk === 'old') frozen = RealDate.now();
      start(done);
    } catch (thrown) {
      done(thrown);
    } finally {
      frozen = null;
    }
  });
}

// model makes the SDK's own object of a plain one, so that only what the model has is sent.
function model(name, plain) { return sdk[name].constructFromObject(plain); }

const keyOf = (action, provider, tenant, more) => ({
  clientRequestAction: action,
  keyInformation: { provider, tenant, organizationId: org, expiryDuration: '365', ...more },
});

async function current() {
  const create = new sdk.CreateNewWebhooksApi(job.config);
  const manage = new sdk.ManageWebhooksApi(job.config);
  const headers = { vCCorrelationId: 'conformance-1', vCSenderOrganizationId: org, vCPermissions: 'any' };

  await call('products', (done) => create.findProductsToSubscribe(org, done));
  await call('keys-sym-create', (done) => create.saveSymEgressKey(
    { ...headers, saveSymEgressKey: model('SaveSymEgressKey', keyOf('CREATE', 'nrtd', org, { keyType: 'sharedSecret' })) }, done));
  await call('keys-sym-store', (done) => create.saveSymEgressKey({
    saveSymEgressKey: model('SaveSymEgressKey', keyOf('STORE', org, 'nrtd', { keyType: 'oAuthClientCredentials', clientKeyId: 'client', key: 'secret' })),
  }, done));
  await call('keys-asym-store', (done) => manage.saveAsymEgressKey(
    model('SaveAsymEgressKey', keyOf('STORE', org, 'nrtd', { keyType: 'publickey', pub: job.certificate })), headers, done));

  const input = {
    name: 'Conformance', description: 'd', organizationId: org, products, webhookUrl: job.receiver + '/hook',
    healthCheckUrl: job.receiver + '/health', notificationScope: 'SELF', retryPolicy, securityPolicy: { securityType: 'KEY' },
  };
  const createBody = () => ({ createWebhook: model('CreateWebhook', input) });
  const made = await call('create', (done) => create.notificationSubscriptionsV2WebhooksPost(createBody(), done));
  const id = made?.webhookId;
  await call('create-again', (done) => create.notificationSubscriptionsV2WebhooksPost(createBody(), done));
  await call('list', (done) => manage.getWebhookSubscriptionsByOrg(org, {}, done));
  await call('list-filtered', (done) => manage.getWebhookSubscriptionsByOrg(
    org, { productId: 'tokenManagement', eventType: 'tms.networktoken.updated' }, done));
  await call('list-none', (done) => manage.getWebhookSubscriptionsByOrg(org, { productId: 'a b&c=d/é' }, done));
  await call('get', (done) => manage.getWebhookSubscriptionById(id, done));
  await call('get-unknown', (done) => manage.getWebhookSubscriptionById('id with/slash é', done));
  await call('update', (done) => manage.notificationSubscriptionsV2WebhooksWebhookIdPatch(
    id, { updateWebhook: model('UpdateWebhook', { name: 'Renamed' }) }, done));
  await call('status-active', (done) => manage.notificationSubscriptionsV2WebhooksWebhookIdStatusPut(
    id, { updateStatus: model('UpdateStatus', { status: 'ACTIVE' }) }, done));
  await call('test', (done) => manage.notificationSubscriptionsV1WebhooksWebhookIdPost(id, done));
  await call('status-inactive', (done) => manage.notificationSubscriptionsV2WebhooksWebhookIdStatusPut(
    id, { updateStatus: model('UpdateStatus', { status: 'INACTIVE' }) }, done));
  await call('update-without-body', (done) => manage.notificationSubscriptionsV2WebhooksWebhookIdPatch(id, {}, done));
  await call('delete', (done) => manage.deleteWebhookSubscription(id, done));
  await call('get-deleted', (done) => manage.getWebhookSubscriptionById(id, done));
}

// admin calls the sandbox's own API.
async function admin(method, path, body) {
  const answer = await fetch(job.origin + '/sandbox/v1' + path, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

// deliver makes one event happen and returns the trace id of its delivery.
async function deliver(webhookId) {
  const event = { organizationId: org, productId: 'tokenManagement', eventType: 'tms.networktoken.updated' };
  const { transactionTraceIds } = await admin('POST', '/events', event);
  for (;;) {
    const attempts = await admin('GET', `/deliveries?kind=notification&webhookId=${webhookId}`);
    if (attempts.some((a) => a.transactionTraceId === transactionTraceIds[0] && a.outcome === 'delivered')) return transactionTraceIds[0];
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
}

async function old() {
  const create = new sdk.CreateNewWebhooksApi(job.config);
  const manage = new sdk.ManageWebhooksApi(job.config);
  const replay = new sdk.ReplayWebhooksApi(job.config);

  await call('products', (done) => create.findProductsToSubscribe(org, done));
  await call('keys-sym-create', (done) => create.saveSymEgressKey(org, 'any', {
    saveSymEgressKey: model('SaveSymEgressKey', keyOf('CREATE', 'nrtd', org, { keyType: 'sharedSecret' })),
  }, done));
  await call('keys-asym-store', (done) => manage.saveAsymEgressKey(org, 'any',
    model('SaveAsymEgressKey', keyOf('STORE', org, 'nrtd', { keyType: 'publickey', pub: job.certificate })), {}, done));
  const input = {
    name: 'Conformance', description: 'd', organizationId: org, ...products[0], webhookUrl: job.receiver + '/hook',
    healthCheckUrl: job.receiver + '/health', notificationScope: 'SELF', retryPolicy,
    securityPolicy: { securityType: 'KEY', proxyType: 'external' },
  };
  const made = await call('create', (done) => create.createWebhookSubscription(
    { createWebhookRequest: model('CreateWebhookRequest', input) }, done));
  const id = made?.webhookId;
  await call('list', (done) => manage.getWebhookSubscriptionsByOrg(org, 'tokenManagement', 'tms.networktoken.updated', done));
  await call('get', (done) => manage.getWebhookSubscriptionById(id, done));
  await call('update', (done) => manage.updateWebhookSubscription(
    id, { updateWebhookRequest: model('UpdateWebhookRequest', { name: 'Renamed', status: 'ACTIVE' }) }, done));
  const trace = await deliver(id);
  const ask = (body) => (done) => replay.replayPreviousWebhooks(
    id, { replayWebhooksRequest: model('ReplayWebhooksRequest', body) }, done);
  const which = { status: 'FAILED', productId: 'tokenManagement', eventType: 'tms.networktoken.updated' };
  const now = RealDate.now();
  await call('replay-hours-back', ask({ byDeliveryStatus: { ...which, hoursBack: 24 } }));
  await call('replay-window', ask({
    byDeliveryStatus: { ...which, startTime: new RealDate(now - 3600_000).toISOString(), endTime: new RealDate(now).toISOString() },
  }));
  await call('replay-trace-ids', ask({ byTransactionTraceIdentifiers: [trace] }));
  await call('delete', (done) => manage.deleteWebhookSubscription(id, done));
}

(job.sdk === 'old' ? old() : current()).catch((error) => {
  process.stderr.write(String(error.stack ?? error) + '\n');
  process.exitCode = 1;
});
