import { Fragment, h, type VNode } from 'preact';
import type { Chat } from '../chat';
import { linkify } from '../linkify';
import { clockTime, dayName, errorText, fileSize, fullTime, t } from '../locale';
import type { QueuedMessage } from '../queue';
import { comparePositions } from '../thread';
import { FileView } from './file';
import type { Row } from './rows';

/** One message of the thread, with the day above it when that begins. */
export function MessageView({ chat, row }: { chat: Chat; row: Row }): VNode {
  const { direction, message, queued } = row;
  const author = direction === 'in' ? t('you') : (row.author ?? t('agent'));
  const state = stateOf(chat, row);
  return (
    <Fragment>
      {row.newDay && <div class="day">{dayName(row.at)}</div>}
      <div class={`message ${direction} ${state} ${row.first ? 'first' : ''}`} data-testid="message" data-direction={direction} data-state={state} data-seq={message?.seq}>
        <div class={row.first && direction === 'out' ? 'soft' : 'hidden'}>{author}</div>
        {row.body && (
          <div class="bubble" title={fullTime(row.at)}>
            {linkify(row.body).map(({ text, href }) =>
              href ? (
                <a href={href} target="_blank" rel="noopener noreferrer nofollow">
                  {text}
                </a>
              ) : (
                text
              ),
            )}
          </div>
        )}
        {message?.attachments.map((file) => <FileView {...file} type={file.content_type} href={chat.fileURL(file.url)} />)}
        {queued?.files.map((file, index) => <FileView {...file} local={chat.queue.preview(queued.key, index)} />)}
        {queued?.failure ? <Failure chat={chat} item={queued} /> : <Marks chat={chat} row={row} state={state} />}
      </div>
    </Fragment>
  );
}

function stateOf(chat: Chat, { direction, message, queued }: Row): 'received' | 'sending' | 'sent' | 'seen' | 'failed' {
  if (!message) return queued?.failure ? 'failed' : 'sending';
  if (direction === 'out') return 'received';
  const conversation = chat.state.conversation.value;
  return conversation && comparePositions(message, { conversation_id: conversation.id, seq: conversation.agent_read_seq }) <= 0 ? 'seen' : 'sent';
}

/** Time and state, under the last message of a group. */
function Marks({ chat, row, state }: { chat: Chat; row: Row; state: string }): VNode | null {
  const marks = [];
  if (row.queued) marks.push(t(chat.state.connection.value === 'offline' ? 'waiting' : 'sending'));
  else if (row.last || row.newestOwn) marks.push(clockTime(row.at));
  if (row.newestOwn) marks.push(t(state === 'seen' ? 'seen' : 'sent'));
  return marks[0] ? <div class="soft">{marks.join(' · ')}</div> : null;
}

function Failure({ chat, item }: { chat: Chat; item: QueuedMessage }): VNode {
  const { key, files, failure } = item;
  const { max } = failure?.params ?? {};
  const params = { name: files[0]?.name, ...failure?.params, ...(files[0] && typeof max === 'number' && { max: fileSize(max) }) };
  return (
    <div class="soft failure">
      <div class="danger">
        {t('not_sent')}
        {errorText(failure?.code ?? '', params)}
      </div>
      {chat.queue.needsFiles(item) ? (
        <label>
          {t('choose_again')}
          <input
            class="hidden"
            type="file"
            multiple={files.length > 1}
            onChange={({ currentTarget }) => {
              if (currentTarget.files?.[0]) chat.queue.retry(key, [...currentTarget.files]);
            }}
          />
        </label>
      ) : (
        <button type="button" data-testid="retry" onClick={() => chat.queue.retry(key)}>
          {t('retry')}
        </button>
      )}
      <button type="button" data-testid="discard" onClick={() => chat.queue.remove(key)}>
        {t('discard')}
      </button>
    </div>
  );
}
